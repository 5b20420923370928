package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// The attributes of processes are tested with real processes, in pkg/runner and
// pkg/account. These tests show the thread that takes them on.

// umask returns the umask of this thread.
func umask(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nUmask:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// cwd returns the working directory of this thread.
func cwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Readlink("/proc/thread-self/cwd")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// One thread has the attributes while f runs, and no other thread ever has them.
func TestWithChangesOneThread(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := Attributes{Dir: dir, Umask: new(0o31)}
	before, used := umask(t), 0
	err = a.With(func() error {
		used = unix.Gettid()
		if cwd(t) != dir || umask(t) != "0031" {
			t.Errorf("the thread is in %s with the umask %s", cwd(t), umask(t))
		}
		return nil
	})
	if err != nil || used == unix.Getpid() {
		t.Errorf("thread %d, %v", used, err)
	}
	OnThread(func() bool {
		if cwd(t) == dir || umask(t) != before {
			t.Errorf("another thread is in %s with the umask %s", cwd(t), umask(t))
		}
		return true
	})
}

func TestNeedsOwnThread(t *testing.T) {
	for name, a := range map[string]Attributes{
		"user": {User: &Identity{}}, "dir": {Dir: "/"}, "umask": {Umask: new(0)}, "nice": {Nice: new(0)},
		"io": {IO: IOPriority{Class: IOIdle}}, "guarded": {Guarded: true},
	} {
		if !a.NeedsOwnThread() {
			t.Errorf("%s needs no thread", name)
		}
	}
	if (Attributes{OOMScoreAdj: new(1)}).NeedsOwnThread() || (Attributes{}).NeedsOwnThread() {
		t.Error("nothing needs a thread")
	}
}

// A failed step is named, and f is not called.
func TestWithNamesTheStep(t *testing.T) {
	a := Attributes{Dir: "/nonexistent"}
	err := a.With(func() error { t.Error("f is called"); return nil })
	var failed *step.Error
	if !errors.As(err, &failed) || failed.Doing != "enter the working directory /nonexistent" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("error is %v", err)
	}
}

func TestOOMScore(t *testing.T) {
	read := func() string {
		text, err := os.ReadFile("/proc/self/oom_score_adj")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	own := read()
	score := OpenOOMScore()
	failing := errors.New("failing")
	err := score.During(new(900), func() error {
		if got := read(); got != "900" {
			t.Errorf("the score is %s", got)
		}
		return failing
	})
	if !errors.Is(err, failing) || read() != own {
		t.Errorf("error %v, the score is %s and was %s", err, read(), own)
	}
	score.Close()
	called := func() error { t.Error("f is called"); return nil }
	if err := score.During(new(900), called); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := (*OOMScore)(nil).During(new(900), called); !errors.Is(err, unix.EINVAL) {
		t.Errorf("without a score: %v", err)
	}
	if err := (*OOMScore)(nil).During(nil, func() error { return nil }); err != nil {
		t.Error(err)
	}
}
