package runner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// patience limits every wait for something that must happen.
const patience = 60 * time.Second

// helperVar makes the test binary run a helper instead of tests.
const helperVar = "RUNNER_TEST_HELPER"

// executableVar is the path of a copy of this test program that all users can execute.
const executableVar = "RUNNER_TEST_EXECUTABLE"

func TestMain(m *testing.M) {
	switch os.Getenv(helperVar) {
	case "killmarked":
		killMarkedHelper()
	case "keyring":
		keyringHelper()
	case "huge":
		hugeHelper()
	case "":
	default:
		unprivilegedHelper(os.Getenv(helperVar))
	}
	goleak.VerifyTestMain(m)
}

// script writes an executable shell script and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "task.sh")
	gordontest.WriteFile(t, path, "#!/bin/sh\n"+body+"\n", 0o755)
	return path
}

// spec returns the Spec of a script, with a marker that no other test has.
func spec(t *testing.T, body string, args ...string) runner.Spec {
	t.Helper()
	marker := strconv.Itoa(os.Getpid()) + "." + t.Name()
	env, err := taskenv.Build(os.Environ(), nil, []string{taskenv.TaskID + "=" + marker}, taskenv.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return runner.Spec{Path: script(t, body), Args: args, Env: env, Marker: marker}
}

// start starts a script, and kills its processes after the test.
func start(t *testing.T, body string, args ...string) *runner.Process {
	t.Helper()
	s := spec(t, body, args...)
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		killed := make(chan struct{})
		go func() { // the process may be blocked writing to us
			defer close(killed)
			p.Stop(ctx, 0)
		}()
		p.Wait()
		<-killed
		if _, err := proctree.KillMarked(ctx, func(m string) bool { return m == s.Marker }); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run runs a script to its end.
func run(t *testing.T, body string, args ...string) runner.Outcome {
	t.Helper()
	return start(t, body, args...).Wait()
}

// flag is a file to which a script writes its progress.
type flag string

func newFlag(t *testing.T) flag { return flag(filepath.Join(t.TempDir(), "flag")) }

// text waits until the script has written a line, and returns it.
func (f flag) text(t *testing.T) string {
	t.Helper()
	var text string
	gordontest.Until(t, "the script writes to "+string(f), func() bool {
		raw, _ := os.ReadFile(string(f))
		text = string(raw)
		return strings.HasSuffix(text, "\n")
	})
	return strings.TrimSpace(text)
}

// pid waits for a line that is a process id.
func (f flag) pid(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(f.text(t))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive reports whether the process exists and has not ended.
func alive(pid int) bool {
	st, err := host.ReadStat(pid)
	return err == nil && !st.Ended()
}

// state returns the process' state letter, or 0 when it is gone.
func state(pid int) byte {
	st, err := host.ReadStat(pid)
	if err != nil {
		return 0
	}
	return st.State
}

// want fails the test unless the outcome has this kind and reason.
func want(t *testing.T, o runner.Outcome, kind runner.Kind, reason string) {
	t.Helper()
	if o.Kind != kind || o.Reason() != reason {
		t.Errorf("outcome is %v, %q; want %v, %q", o.Kind, o.Reason(), kind, reason)
	}
}

func killMarkedHelper() {
	self := os.Getenv(taskenv.TaskID)
	killed, err := proctree.KillMarked(context.Background(), func(m string) bool { return m == self })
	fmt.Println(killed, err)
	os.Exit(0)
}
