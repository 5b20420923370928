package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/daemon"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// Exit statuses, as gordon(8) documents them. Those over 63 are from sysexits(3).
const (
	exitOK = 0
	// exitFailure is any other failure.
	exitFailure = 1
	// exitUsage is a wrong command line.
	exitUsage = 2
	// exitNoUser (EX_NOUSER): a user or group that the configuration names was not
	// found at the start. A directory service may be down, so the service manager tries
	// again.
	exitNoUser = 67
	// exitRedis (EX_UNAVAILABLE): Redis was not reachable within start_timeout. The
	// service manager tries again.
	exitRedis = 69
	// exitConfig (EX_CONFIG): the configuration is at fault. Another start would fail
	// too, so the unit has RestartPreventExitStatus=78.
	exitConfig = 78
)

// errUsage marks a wrong command line.
var errUsage = errors.New("wrong usage")

// exitCode returns the exit status for an error.
func exitCode(err error) int {
	var faults config.Faults
	var coded *exitError
	var refused *control.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &refused):
		return refusedCode(refused)
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, errUsage):
		return exitUsage
	case task.OnlyUnknownAccounts(err):
		return exitNoUser
	case errors.As(err, &faults), errors.Is(err, daemon.ErrConfig):
		return exitConfig
	case errors.Is(err, taskqueue.ErrRedis):
		return exitRedis
	default:
		return exitFailure
	}
}

// requestCode returns the exit status for the command whose request to a running daemon
// failed with err. An unknown account is a fault of the configuration then: nothing
// repeats a reload as the service manager repeats a start.
func requestCode(err error) int {
	if code := exitCode(err); code != exitNoUser {
		return code
	}
	return exitConfig
}

// refusedCode returns the exit status for an answer of the daemon. An older daemon, which
// runs until its restart after an upgrade, sends no exit code: its HTTP status counts.
func refusedCode(e *control.Error) int {
	switch {
	case e.ExitCode > 0 && e.ExitCode < 256:
		return e.ExitCode
	case e.Status == http.StatusUnprocessableEntity:
		return exitConfig
	case e.Status == http.StatusServiceUnavailable:
		return exitRedis
	default:
		return exitFailure
	}
}

// printTimeout is how long printError waits for a reader of standard error that does
// not read.
const printTimeout = 2 * time.Second

// printError writes an error for a person to standard error, each fault on a line of its
// own.
func printError(stderr io.Writer, err error) {
	priority := ""
	if f, ok := stderr.(*os.File); ok && output.OnJournal(f) {
		priority = "<3>" // err; sd-daemon(3)
	}
	var text strings.Builder
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(&text, "%sgordon: %s\n", priority, strings.TrimRight(line, "\n"))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.WriteString(stderr, text.String()) // if it fails, nobody can be told
	}()
	select {
	case <-done:
	case <-time.After(printTimeout):
	}
}

// errReported is an error that was printed already.
type errReported struct{ error }

func (e errReported) Unwrap() error { return e.error }

// exitError is an error with an exit status of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }
