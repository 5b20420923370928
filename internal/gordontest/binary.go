package gordontest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// FastTimes is the build tag of a gordon with short times of the protocol (a lease of
// 6 s, or of $GORDON_TEST_LEASE), for tests that have to wait for them.
const FastTimes = "fasttimes"

// Build builds gordon with build tags, and with the race detector if the test has it.
// remove removes it again.
func Build(tags ...string) (binary string, remove func(), err error) {
	return build(hasRaceDetector(), tags)
}

// raceEnv is set by the runs in which BuildFast has the race detector, too.
const raceEnv = "GORDON_TEST_RACE"

// BuildFast is Build without the race detector, which doubles the CPU time of a story
// with thousands of tasks. "make test-long" runs the stories with it.
func BuildFast(tags ...string) (binary string, remove func(), err error) {
	return build(hasRaceDetector() && os.Getenv(raceEnv) != "", tags)
}

func build(race bool, tags []string) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "gordon-binary")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // in the way of nothing
	binary = filepath.Join(dir, "gordon")
	args := []string{"build", "-tags", strings.Join(tags, ","), "-o", binary}
	if race {
		args = append(args, "-race")
	}
	command := exec.Command("go", append(args, "github.com/nevsnode/gordon/v2/cmd/gordon")...)
	if out, err := command.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build gordon: %w\n%s", err, out)
	}
	return binary, remove, nil
}

// hasRaceDetector reports whether this program was built with the race detector.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// BuildShipped builds gordon in a folder as "make build" and the packages do: without
// cgo, and so without the race detector.
func BuildShipped(dir string) (binary string, err error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	binary = filepath.Join(dir, "gordon-shipped")
	build := exec.Command("make", "build", "VERSION=0.0.0-test", "BINARY="+binary)
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return binary, nil
}

// untilTimeout limits every wait.
const untilTimeout = 60 * time.Second

// Until waits until ok returns true. It fails the test after untilTimeout; what
// describes the condition in the message.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	began := time.Now()
	for !ok() {
		waited := time.Since(began)
		if waited > untilTimeout {
			t.Fatalf("waited %v in vain: %s", untilTimeout, what)
		}
		// Many tests poll at the same time. A long wait may end a little late.
		time.Sleep(min(max(waited/20, 2*time.Millisecond), 25*time.Millisecond))
	}
}
