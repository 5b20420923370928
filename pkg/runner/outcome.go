package runner

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// Kind is the way in which a task's process ended.
type Kind int

const (
	// NotStarted: there never was a process; Outcome.Err has the reason. It is the
	// zero value so that an empty outcome cannot be taken for a success.
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

// Output is the output of a process on one of its two streams.
type Output struct {
	// Tail holds the last bytes, at most TailSize. It belongs to the receiver.
	Tail []byte
	// Total is the number of printed bytes, including those before Tail.
	Total int64
}

// Outcome describes the run of a task after its end.
type Outcome struct {
	Kind       Kind
	ExitStatus int            // valid with Exited: 0 to 255
	Signal     syscall.Signal // valid with Signaled
	CoreDumped bool           // valid with Signaled

	// Wall is the time from the start to the moment in which the end was noticed.
	Wall time.Duration
	// Usage is zero with NotStarted.
	Usage usage.Usage
	// Pressure is zero without a Group. Its OOM is "" after a success.
	Pressure usage.Pressure

	// Stdout and Stderr hold the output of the leader, and of its children until all
	// of them were at rest: ended, or asleep. That usually takes milliseconds, and 2 s
	// at most. If it takes longer, output after the leader's end does not count.
	Stdout, Stderr Output
	// Leftovers reports that a process that outlived the leader still held stdout or
	// stderr open then.
	Leftovers bool
	// LeftBehind is the number of processes that were left when the leader had ended
	// by itself, as far as they can be found. Spec.KillLeftovers ends them.
	LeftBehind int

	// SharedSignal reports that the task did not end by itself, but by a signal that
	// the daemon received as well; see Spec.DaemonGot.
	SharedSignal bool

	// Err is the reason for NotStarted. With the other kinds it is nil, unless the
	// kernel did not report the end of the process.
	Err error
}

// errNoOutcome is the reason of the zero Outcome.
var errNoOutcome = errors.New("not started")

// Success reports whether the process ran and exited with status 0. It ignores the
// output; the caller decides whether output is a failure.
func (o Outcome) Success() bool {
	return o.Kind == Exited && o.ExitStatus == 0 && o.Err == nil
}

// Reason returns why the task failed, in the words that Gordon 1 used: "exit
// status 3", "signal: killed", "signal: segmentation fault (core dumped)",
// "fork/exec /path: no such file or directory". It is "" after exit status 0. If the kernel killed the
// task because memory ran out, the limit follows in parentheses.
// The text is for people; programs read the fields.
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

// newOutcome converts the result of wait4(2).
func newOutcome(wall time.Duration, status syscall.WaitStatus, usage *syscall.Rusage, err error) Outcome {
	o := Outcome{Kind: Exited, ExitStatus: status.ExitStatus(), Wall: wall}
	if err != nil {
		// Another part of this process has reaped the child, or it was never a child.
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
