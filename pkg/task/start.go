package task

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// Attempt is the result of an attempt to start a process, as far as it concerns this host.
type Attempt int

// The results of an attempt to start a process.
const (
	NotTried  Attempt = iota // nothing: the entry was at fault, or no process was started
	Started                  // a process ran
	HostFault                // this host could not start it, whatever the entry
)

// attemptOf returns the result of an attempt that ended with an error of [runner.Start].
// Arguments that are too long, or contain a NUL byte, are the fault of their entry.
func attemptOf(err error) Attempt {
	switch {
	case err == nil:
		return Started
	case errors.Is(err, unix.E2BIG), errors.Is(err, unix.EINVAL):
		return NotTried
	}
	var start *runner.StartError
	if errors.As(err, &start) || errors.Is(err, errNoGroup) {
		return HostFault
	}
	return NotTried
}

// transient reports whether a start that failed is worth another attempt.
func transient(err error) bool { return runner.Transient(err) || errors.Is(err, errNoGroup) }

// exhausted reports whether a start failed because this host, or the user, has as many
// processes or descriptors as it may have. Memory is not among these: an entry may be
// too large for the memory that there is.
func exhausted(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// startRepeatedly calls start until it has started a process, or until the timeout or
// ctx is over. It calls start again only after transient errors.
func startRepeatedly(ctx context.Context, log *slog.Logger, timeout time.Duration, start func() (*runner.Process, error)) (*runner.Process, error) {
	deadline := time.Now().Add(timeout)
	var pace loop.Pacer
	for {
		process, err := start()
		if err == nil || !transient(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return process, err
		}
		if !pace.Failing() {
			log.Warn("the system cannot start a process now; retrying", output.KeyError, err.Error())
		}
		pace.Wait(ctx)
	}
}

// waitOrStop waits for a process, and stops its tree when ctx ends: with SIGTERM and,
// after grace or the end of kill, with SIGKILL. stopped is the cause of ctx, or nil if
// the process ended by itself. After a stop it returns when the tree is gone, because
// nothing of a task may run beside the next run of its entry.
//
// A task that was signalled has not succeeded even if its script exited with 0: scripts
// do that on SIGTERM without being done.
func waitOrStop(ctx, kill context.Context, p *runner.Process, grace time.Duration) (o runner.Outcome, stopped error) {
	gone := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(gone)
		p.Stop(kill, grace)
	})
	o = p.Wait()
	if cancel() {
		return o, nil
	}
	<-gone
	if !p.Stopped() {
		return o, nil // it had just ended by itself
	}
	return o, context.Cause(ctx)
}
