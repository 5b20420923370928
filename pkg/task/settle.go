package task

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

func (w *Worker) counters() *stats.Counters { return w.Plan.all.planner.Counters }

// settle returns the result for an entry that has been run, and reports the run.
func (w *Worker) settle(r *Run, e entry.Entry) Result {
	switch r.Verdict.Outcome {
	case entry.OutcomeOK:
		w.report(r, stats.Done, Result{})
		return Result{Slot: r.Slot, How: store.Drop, Effect: Succeeded}
	case entry.OutcomeReturned, entry.OutcomeTakenOver:
		w.report(r, stats.Returned, Result{})
		return Result{Slot: r.Slot, How: store.Return}
	}
	if res, again := w.retry(r, e); again {
		w.report(r, stats.Retried, res)
		return res
	}
	w.report(r, stats.Failed, Result{})
	return w.fail(r)
}

// report passes the end of a run to the counters and the log. res is the result of a run
// that is retried.
func (w *Worker) report(r *Run, end stats.End, res Result) {
	v := &r.Verdict
	w.counters().Ended(stats.Run{Type: r.Type, Outcome: string(v.Outcome), End: end, Took: v.Took, Usage: v.Exit.Usage})
	switch {
	case end == stats.Done:
		w.Log.Debug("task done", r.attributes()...)
	case end == stats.Retried:
		w.failureLog(r).Warn("task failed; it will be retried", output.KeyRetryIn, res.After, output.KeyMessageID, output.MsgTaskRetried)
	case end == stats.Failed:
		w.failureLog(r).Error(headline(v.Outcome), output.KeyMessageID, messageID(v.Outcome))
	case v.Outcome == entry.OutcomeTakenOver:
		w.Log.Warn("task stopped: another host took over its entry", r.attributes()...)
	default:
		w.Log.Warn("task stopped; its entry returns to the head of the queue", r.attributes()...)
	}
}

// failureLog is the log with the attributes and the fault of a run.
func (w *Worker) failureLog(r *Run) *slog.Logger {
	return w.Log.With(r.attributes()...).With(output.KeyError, r.excerpt())
}

// notify runs the error_script. After an abort the script has kill_grace to end.
func (w *Worker) notify(r *Run) {
	all := w.Plan.all
	ctx, cancel := context.WithCancel(w.Kill)
	defer cancel()
	defer context.AfterFunc(w.Abort, func() { time.AfterFunc(all.KillGrace, cancel) })()
	all.Notify(ctx, w.Kill, w.Log, r.Type, r.Payload, r.Verdict.Fault)
}

// fail returns the result for an entry that failed and does not run again.
func (w *Worker) fail(r *Run) Result {
	res := Result{Slot: r.Slot, How: store.Drop, Effect: Failed}
	outcome := r.Verdict.Outcome
	if outcome == entry.OutcomeCancelled || outcome == entry.OutcomeCrashed {
		res.Effect = NoEffect // nothing has failed now
	}
	if outcome != entry.OutcomeCancelled {
		// Before the entry leaves its run list: power loss here repeats the entry
		// and the notice. In the other order the notice would be lost.
		w.notify(r)
	}
	ttl := w.Plan.Failed.TTL
	if r.neverRan() {
		ttl = max(ttl, store.NeverRan)
	}
	if ttl <= 0 {
		return res
	}
	res.How, res.TTL = store.Fail, ttl
	failure := r.failure()
	failure.MessageMax = int(w.Plan.Failed.MessageMax)
	return w.recorded(r, res, failure)
}

// neverRan reports whether the entry did not run to its end, successful or not. It is
// kept then, even if no failed list is configured.
func (r *Run) neverRan() bool {
	switch r.Verdict.Outcome {
	case entry.OutcomeUnreadable, entry.OutcomeNotStarted, entry.OutcomeExpired, entry.OutcomeStopped, entry.OutcomeCrashed:
		return true
	default:
		return false
	}
}

// attributes describe the run in the log.
func (r *Run) attributes() []any {
	v := &r.Verdict
	list := []any{output.KeyOutcome, string(v.Outcome), output.KeyDuration, v.Took}
	if r.Attempt > 1 || r.MaxAttempts > 1 {
		list = append(list, output.KeyAttempt, r.Attempt)
	}
	switch v.Exit.Kind {
	case runner.NotStarted:
		return list
	case runner.Exited:
		list = append(list, output.KeyExitStatus, v.Exit.ExitStatus)
	case runner.Signaled:
		list = append(list, output.KeySignal, unix.SignalName(v.Exit.Signal))
	}
	u := v.Exit.Usage
	list = append(list, output.KeyUserCPU, u.UserCPU, output.KeySystemCPU, u.SystemCPU)
	if u.PeakMemory > 0 {
		list = append(list, output.KeyPeakMemory, u.PeakMemory)
	}
	if u.ReadBytes+u.WrittenBytes > 0 {
		list = append(list, output.KeyRead, u.ReadBytes, output.KeyWritten, u.WrittenBytes)
	}
	return list
}

// excerpt is the fault as the log has it.
func (r *Run) excerpt() string { return output.Excerpt(r.Verdict.Reason + r.Verdict.Fault) }

// failure is the part of the failed record besides the entry.
func (r *Run) failure() entry.Failure {
	v := &r.Verdict
	f := entry.Failure{
		Message: v.Fault, Outcome: string(v.Outcome), TaskID: r.ID, Attempt: r.Attempt, StartedAt: r.Began, Duration: v.Took,
		Exited: v.Exit.Kind == runner.Exited, ExitStatus: v.Exit.ExitStatus,
		Usage: v.Exit.Usage,
	}
	if v.Exit.Kind == runner.Signaled {
		f.Signal = unix.SignalName(v.Exit.Signal)
	}
	return f
}

// headline is the message of the log for a failure.
func headline(o entry.Outcome) string {
	switch o {
	case entry.OutcomeNotStarted:
		return "task could not start"
	case entry.OutcomeUnreadable:
		return "entry cannot be read"
	case entry.OutcomeTimedOut:
		return "task timed out"
	case entry.OutcomeOutOfMemory:
		return "task ran out of memory"
	case entry.OutcomeCancelled:
		return "task cancelled"
	case entry.OutcomeExpired:
		return "task missed its deadline"
	default:
		return "task failed"
	}
}

func messageID(o entry.Outcome) string {
	switch o {
	case entry.OutcomeNotStarted:
		return output.MsgTaskNotStarted
	case entry.OutcomeUnreadable:
		return output.MsgEntryUnreadable
	default:
		return output.MsgTaskFailed
	}
}
