package runner_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// file writes a file that cannot be executed, for one of several reasons.
func file(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	gordontest.WriteFile(t, path, content, mode)
	return path
}

func TestWhatCannotBeStarted(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		cause      error
		text       string
	}{
		{"missing", "/nonexistent", fs.ErrNotExist, "no such file or directory"},
		{"missing folder", "/nonexistent/x", unix.ENOENT, "no such file or directory"},
		{"empty path", "", unix.ENOENT, "no such file or directory"},
		{"below a file", "/bin/true/x", unix.ENOTDIR, "not a directory"},
		{"directory", t.TempDir(), fs.ErrPermission, "permission denied (it is a directory)"},
		{"device", "/dev/null", unix.EACCES, "permission denied (it is not a regular file)"},
		{
			"not executable", file(t, "#!/bin/sh\n", 0o644), unix.EACCES,
			"permission denied (it is not executable: use chmod +x)",
		},
		{
			"no first line", file(t, "echo hello\n", 0o755), unix.ENOEXEC,
			`exec format error (a script must begin with a line such as "#!/bin/sh")`,
		},
		{"empty", file(t, "", 0o755), unix.ENOEXEC, "exec format error (the file is empty)"},
		{
			"other machine", file(t, "\x7fELF rubbish", 0o755), unix.ENOEXEC,
			"exec format error (the program is for another architecture or damaged)",
		},
		{
			"missing interpreter", file(t, "#! /usr/bin/phpx -n\n", 0o755), unix.ENOENT,
			`no such file or directory (the script exists, but its interpreter "/usr/bin/phpx" does not)`,
		},
		{
			"carriage return", file(t, "#!/bin/sh\r\necho\r\n", 0o755), unix.ENOENT,
			"no such file or directory (the first line ends with a carriage return: convert the script to Unix line endings)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := refused(t, runner.Spec{Path: tc.path}, tc.cause)
			if diff := cmp.Diff(tc.text, text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInterpreterThatIsNotExecutable(t *testing.T) {
	interpreter := file(t, "#!/bin/sh\n", 0o644)
	text := refused(t, runner.Spec{Path: file(t, "#!"+interpreter+" -x\n", 0o755)}, unix.EACCES)
	wanted := fmt.Sprintf("permission denied (its interpreter is %q: is that one executable?)", interpreter)
	if diff := cmp.Diff(wanted, text); diff != "" {
		t.Error(diff)
	}
}

func TestOutcomeOfWhatWasNotStarted(t *testing.T) {
	_, err := runner.Start(runner.Spec{Path: "/nonexistent"})
	want(t, runner.Outcome{Err: err}, runner.NotStarted, "fork/exec /nonexistent: no such file or directory")
	want(t, runner.Outcome{}, runner.NotStarted, "not started")
	if (runner.Outcome{}).Success() {
		t.Error("a forgotten outcome is a success")
	}
}

func TestReasons(t *testing.T) {
	for _, tc := range []struct {
		reason string
		o      runner.Outcome
	}{
		{"", runner.Outcome{Kind: runner.Exited}},
		{"exit status 3", runner.Outcome{Kind: runner.Exited, ExitStatus: 3}},
		{"signal: killed", runner.Outcome{Kind: runner.Signaled, Signal: unix.SIGKILL}},
		{
			"signal: killed (out of memory: exceeded memory_max = 64M)",
			runner.Outcome{Kind: runner.Signaled, Signal: unix.SIGKILL, Pressure: usage.Pressure{OOM: "exceeded memory_max = 64M"}},
		},
		{
			"signal: segmentation fault (core dumped)",
			runner.Outcome{Kind: runner.Signaled, Signal: unix.SIGSEGV, CoreDumped: true},
		},
		{"text", runner.Outcome{Kind: runner.Exited, Err: errors.New("text")}},
	} {
		if got := tc.o.Reason(); got != tc.reason {
			t.Errorf("%+v: reason %q, want %q", tc.o, got, tc.reason)
		}
		if got := tc.o.Success(); got != (tc.reason == "") {
			t.Errorf("%+v: success is %v", tc.o, got)
		}
	}
}

func TestTransient(t *testing.T) {
	for _, err := range []error{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE} {
		if !runner.Transient(fmt.Errorf("wrapped: %w", &runner.StartError{Err: err})) {
			t.Errorf("%v is not transient", err)
		}
	}
	for _, err := range []error{nil, unix.ENOENT, unix.E2BIG, unix.EACCES, fs.ErrNotExist} {
		if runner.Transient(err) {
			t.Errorf("%v is transient", err)
		}
	}
}

// Without descriptors no process starts, no descriptor leaks, and the error is transient.
func TestOutOfDescriptors(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	for spare := range 10 {
		limit := unix.Rlimit{Cur: uint64(highest(t) + 1 + spare), Max: old.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		p, err := runner.Start(runner.Spec{Path: "/bin/true"})
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			want(t, p.Wait(), runner.Exited, "")
		} else if !runner.Transient(err) {
			t.Errorf("with %d to spare: %v", spare, err)
		}
		if after := descriptors(t); after != before {
			t.Errorf("with %d to spare: %d descriptors became %d", spare, before, after)
		}
	}
}

// A script that is open for writing is started as soon as the writer closes it. If that
// takes long, the error names the reason.
func TestScriptOpenForWriting(t *testing.T) {
	path := script(t, "exit 3")
	writer, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if text := refused(t, runner.Spec{Path: path}, unix.ETXTBSY); text != "text file busy (the file is still open for writing)" {
		t.Error(text)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	// Start tries for milliseconds only, and on a busy machine the writer may be
	// later than that.
	gordontest.Until(t, "it starts when the writer is done", func() bool {
		writer, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		defer time.AfterFunc(5*time.Millisecond, func() { writer.Close() }).Stop()
		p, err := runner.Start(runner.Spec{Path: path})
		if err != nil {
			return false
		}
		want(t, p.Wait(), runner.Exited, "exit status 3")
		return true
	})
}
