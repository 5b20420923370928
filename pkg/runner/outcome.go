package runner

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// Kind is how a task's process ended.
type Kind int

const (
	// NotStarted: there never was a process; Outcome.Err says why. It is the
	// zero value so that a forgotten outcome can't be taken for a success.
	NotStarted Kind = iota
	// Exited: the process called exit; Outcome.ExitStatus is its status.
	Exited
	// Signaled: a signal ended the process; Outcome.Signal is its number.
	Signaled
)

// String returns the kind's name in lower case, for logs.
func (k Kind) String() string {
	switch k {
	case NotStarted:
		return "not started"
	case Exited:
		return "exited"
	case Signaled:
		return "signaled"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Output is what a process printed to one of its two streams.
type Output struct {
	// Tail holds the last bytes, at most TailSize. It belongs to the receiver.
	Tail []byte
	// Total is the number of bytes printed, those before Tail included.
	Total int64
}

// Outcome is how a task went.
type Outcome struct {
	Kind       Kind
	ExitStatus int            // valid with Exited: 0 to 255
	Signal     syscall.Signal // valid with Signaled
	CoreDumped bool           // valid with Signaled

	// Wall is the time from the start to the moment the end was seen.
	Wall time.Duration
	// Usage is zero with NotStarted.
	Usage usage.Usage
	// Pressure is zero without a Group. Its OOM is "" after a success.
	Pressure usage.Pressure

	// Stdout and Stderr are what the leader has printed and what else was printed
	// before all that is left of the task was at rest: ended, or asleep. That takes
	// milliseconds mostly, and 2 s at most; if it takes longer, nothing counts that
	// was printed after the leader's end.
	Stdout, Stderr Output
	// Leftovers says that stdout or stderr was still held open then, by a process
	// that outlived the leader.
	Leftovers bool
	// LeftBehind is how many processes were there when the leader had ended by
	// itself, as far as they can be found; see Spec.KillLeftovers for what became
	// of them.
	LeftBehind int

	// SharedSignal says that the task did not end by itself, but by a signal that
	// the daemon got as well; see Spec.DaemonGot.
	SharedSignal bool

	// Err says why with NotStarted. With the other kinds it is nil, unless the
	// end of the process could not be learned from the kernel.
	Err error
}

// errNoOutcome is what an Outcome without anything in it says.
var errNoOutcome = errors.New("not started")

// NotStartedBy returns the outcome of a task whose Start returned err.
func NotStartedBy(err error) Outcome { return Outcome{Kind: NotStarted, Err: err} }

// Success reports whether the process ran and exited with status 0. Whether
// output counts as failure is not decided here.
func (o Outcome) Success() bool {
	return o.Kind == Exited && o.ExitStatus == 0 && o.Err == nil
}

// Reason returns why the task failed, in the words that Gordon 1 used: "exit
// status 3", "signal: killed", "signal: segmentation fault (core dumped)",
// "fork/exec /path: no such file or directory". It is "" after exit status 0. A
// task that was killed for want of memory has that behind it, in parentheses.
// It is for people; programs look at the fields.
func (o Outcome) Reason() string {
	switch {
	case o.Pressure.OOM != "":
		why := " (out of memory: " + o.Pressure.OOM + ")"
		o.Pressure.OOM = ""
		return o.Reason() + why
	case o.Err != nil:
		return o.Err.Error()
	case o.Kind == NotStarted:
		return errNoOutcome.Error()
	case o.Kind == Signaled && o.CoreDumped:
		return "signal: " + o.Signal.String() + " (core dumped)"
	case o.Kind == Signaled:
		return "signal: " + o.Signal.String()
	case o.ExitStatus != 0:
		return "exit status " + strconv.Itoa(o.ExitStatus)
	}
	return ""
}

// newOutcome translates what wait4(2) said.
func newOutcome(wall time.Duration, status syscall.WaitStatus, usage *syscall.Rusage, err error) Outcome {
	o := Outcome{Kind: Exited, ExitStatus: status.ExitStatus(), Wall: wall}
	if err != nil {
		// Someone else has reaped our child, or it was never ours.
		o.ExitStatus, o.Err = -1, fmt.Errorf("waiting for the process: %w", err)
		return o
	}
	if status.Signaled() {
		o.Kind, o.ExitStatus = Signaled, 0
		o.Signal, o.CoreDumped = status.Signal(), status.CoreDump()
	}
	o.Usage = newUsage(usage)
	return o
}

// account adds the figures of the task's group.
func (o *Outcome) account(g Group) {
	o.Pressure = g.Account(&o.Usage)
	if o.Success() {
		o.Pressure.OOM = "" // a process that the kernel killed did not end the task
	}
}
