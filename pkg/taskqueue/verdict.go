package taskqueue

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// outcome is how a task ended, as the log, the failed list and the statistics name
// it.
type outcome string

const (
	outcomeOK         outcome = "ok"
	outcomeFailed     outcome = "failed"
	outcomeSignal     outcome = "signal"
	outcomeOutput     outcome = "output"
	outcomeNotStarted outcome = "not started"
	outcomeUnreadable outcome = entry.Unreadable
	outcomeReturned   outcome = "returned"
	outcomeStopped    outcome = "stopped"
	// outcomeTakenOver: stopped, because another host has the entry. It is in its run
	// list no more, so that nothing is put back.
	outcomeTakenOver   outcome = "taken over"
	outcomeTimedOut    outcome = "timed out"
	outcomeOutOfMemory outcome = "out of memory"
	outcomeCancelled   outcome = "cancelled"
	outcomeExpired     outcome = "expired"
	// outcomeCrashed: the daemon that ran it has died.
	outcomeCrashed outcome = "crashed"
)

// verdict is what is known of one run when it is over.
type verdict struct {
	outcome outcome
	fault   string // why it failed, for a person, as 1.6.5 has it
	told    string // stands before it in the log, where that says more
	// hopeless says that the next attempt would fail for the same reason.
	hopeless bool
	process  runner.Outcome // the zero value where there was no process
	attempt  int            // from 1
	attempts int            // as many as there may be
	began    time.Time
	took     time.Duration
}

// judge names the outcome of a process that ended by itself.
func (v *verdict) judge(on config.FailOnOutput) {
	v.fault = failure(v.process, on)
	switch {
	case v.fault == "":
		v.outcome = outcomeOK
	case v.process.Pressure.OOM != "":
		v.outcome = outcomeOutOfMemory
	case v.process.Success():
		v.outcome = outcomeOutput
		v.told = fmt.Sprintf("exit status 0, but it wrote to %s (fail_on_output = %q): ", streams(v.process, on), on)
	case v.process.Kind == runner.Signaled:
		v.outcome = outcomeSignal
	default:
		v.outcome = outcomeFailed
	}
}

// neverRan reports whether the entry did not run to its end, not even to a bad one.
// It is kept then, even where no failed list is wanted.
func (v *verdict) neverRan() bool {
	switch v.outcome {
	case outcomeUnreadable, outcomeNotStarted, outcomeExpired, outcomeStopped, outcomeCrashed:
		return true
	default:
		return false
	}
}

// stopped names the outcome of a process that did not end by itself. What it
// printed follows the reason.
func (v *verdict) stopped(as outcome, reason string) {
	v.outcome, v.fault = as, reason
	if output := printed(v.process); output != "" {
		v.fault += "\n" + output
	}
}

// attributes are what the log says of the run.
func (v *verdict) attributes() []any {
	list := []any{output.KeyOutcome, string(v.outcome), output.KeyDuration, v.took}
	if v.attempt > 1 || v.attempts > 1 {
		list = append(list, output.KeyAttempt, v.attempt)
	}
	switch v.process.Kind {
	case runner.NotStarted:
		return list
	case runner.Exited:
		list = append(list, output.KeyExitStatus, v.process.ExitStatus)
	case runner.Signaled:
		list = append(list, output.KeySignal, unix.SignalName(v.process.Signal))
	}
	u := v.process.Usage
	list = append(list, output.KeyUserCPU, u.UserCPU, output.KeySystemCPU, u.SystemCPU)
	if u.PeakMemory > 0 {
		list = append(list, output.KeyPeakMemory, u.PeakMemory)
	}
	if u.ReadBytes+u.WrittenBytes > 0 {
		list = append(list, output.KeyRead, u.ReadBytes, output.KeyWritten, u.WrittenBytes)
	}
	return list
}

// failure is what stands on the failed list besides the entry.
func (v *verdict) failure(taskID string) entry.Failure {
	f := entry.Failure{
		Message: v.fault, Outcome: string(v.outcome), TaskID: taskID, Attempt: v.attempt, StartedAt: v.began, Duration: v.took,
		Exited: v.process.Kind == runner.Exited, ExitStatus: v.process.ExitStatus,
		Usage: v.process.Usage,
	}
	if v.process.Kind == runner.Signaled {
		f.Signal = unix.SignalName(v.process.Signal)
	}
	return f
}

// headline is the message of the log for a failure.
func headline(status outcome) string {
	switch status {
	case outcomeNotStarted:
		return "task could not start"
	case outcomeUnreadable:
		return "entry cannot be read"
	case outcomeTimedOut:
		return "task timed out"
	case outcomeOutOfMemory:
		return "task ran out of memory"
	case outcomeCancelled:
		return "task cancelled"
	case outcomeExpired:
		return "task came too late"
	default:
		return "task failed"
	}
}

func messageID(status outcome) string {
	switch status {
	case outcomeNotStarted:
		return output.MsgTaskNotStarted
	case outcomeUnreadable:
		return output.MsgEntryUnreadable
	default:
		return output.MsgTaskFailed
	}
}
