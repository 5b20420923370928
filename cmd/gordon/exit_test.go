package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/account"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/daemon"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	faults := config.Faults{{File: "f", Message: "bad"}}
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{usage("no such flag"), 2},
		{fmt.Errorf("gave up: %w", taskqueue.ErrRedis), 69},
		{faults, 78},
		{fmt.Errorf("load: %w", faults), 78},
		{errReported{faults}, 78},
		{fmt.Errorf("%w: no such file", daemon.ErrConfig), 78},
		// A further error of closing does not change the code.
		{errors.Join(fmt.Errorf("gave up: %w", taskqueue.ErrRedis), errors.New("close the log")), 69},
		// A code that came from the daemon counts, whatever it is wrapped in.
		{fmt.Errorf("reload: %w", &control.Error{Status: 422, ExitCode: 69}), 69},
		{errReported{&exitError{code: 78, err: taskqueue.ErrRedis}}, 78},
		// An older daemon sends a status only, and a process in its place sends anything.
		{&control.Error{Status: 422}, 78},
		{&control.Error{Status: 503}, 69},
		{&control.Error{Status: 410}, 1},
		{&control.Error{Status: 500}, 1},
		{&control.Error{Status: 500, ExitCode: 256}, 1},
		{&control.Error{Status: 500, ExitCode: -1}, 1},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("exitCode(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

func TestErrorsNameTheProgramOnEachLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printError(&out, errors.New("one\ntwo"))
	if got, want := out.String(), "gordon: one\ngordon: two\n"; got != want {
		t.Errorf("printError wrote %q, want %q", got, want)
	}
}

// In the journal a fault has the priority err.
func TestErrorsInTheJournal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]string{
		"": "gordon: one\ngordon: two\n", "1:1": "gordon: one\ngordon: two\n",
		fmt.Sprintf("%d:%d", st.Dev, st.Ino): "<3>gordon: one\n<3>gordon: two\n",
	} {
		t.Setenv("JOURNAL_STREAM", stream)
		printError(w, errors.New("one\ntwo"))
		buf := make([]byte, 100)
		if n, err := r.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q: got %q, %v", stream, buf[:n], err)
		}
	}
	// A reader that has stopped is not waited for.
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		printError(w, errors.New(strings.Repeat("x", 10000)))
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
	_ = w.Close() // ends the write
}

// An account that is unknown at the start may be known later, so the service manager
// tries again. For a request to a running daemon it is a fault of the configuration.
func TestExitCodeOfAnUnknownAccount(t *testing.T) {
	t.Parallel()
	unknown := config.Faults{config.Origin{File: "f"}.Fault(fmt.Errorf("the user %w", account.ErrUnknown))}
	if start, request := exitCode(unknown), requestCode(unknown); start != 67 || request != 78 {
		t.Errorf("%d at the start, %d for a request", start, request)
	}
	if code := requestCode(taskqueue.ErrRedis); code != 69 {
		t.Errorf("%d for a redis that is not reachable", code)
	}
}
