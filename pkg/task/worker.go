package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Worker carries out runs of one type, one at a time. It holds everything that a run needs
// besides its data.
type Worker struct {
	Plan *Plan
	Log  *slog.Logger
	// Abort ends when the task is to be stopped and its entry put back, Kill when
	// there is no more time for the grace of a stop.
	Abort, Kill context.Context
	// Drained ends when the daemon has begun to stop, so that no queue takes entries.
	Drained context.Context
	// Registry lists the run while it is carried out, so that it can be cancelled.
	Registry *Registry
	Guesses  *Guesses
	// Chance returns a random number from 0 up to 1.
	Chance func() float64
	// Tried receives the result of each start, and its error.
	Tried func(Attempt, error)
}

// Result is the next place of an entry after a run, and how it gets there.
type Result struct {
	// Slot is that of the run.
	Slot int
	How  store.How
	// Record replaces the entry on the failed list or among the entries for later.
	Record []byte
	// TTL is how long the failed list is kept at least.
	TTL time.Duration
	// Due and After tell when an entry for later is due; see [store.Finish].
	Due   time.Time
	After time.Duration
	// Effect is the effect of the run on the back-off of its type.
	Effect Effect
	// Smaller returns another result, for a Redis that does not accept this record. It
	// may take as long as a run. It is nil if there is no record.
	Smaller func() Result
}

// Effect is the effect of a run on the back-off of its type.
type Effect int

// The effects of a run on the back-off.
const (
	NoEffect  Effect = iota
	Succeeded        // the back-off ends
	Failed           // the type rests, if the configuration has a back-off
)

// errTimedOut is why a task is stopped that ran for too long.
var errTimedOut = errors.New("timed out")

// Do carries out a run. It returns when the process and, after a stop, its whole tree
// are gone, and the error_script has run.
func (w *Worker) Do(r *Run) Result {
	e, err := entry.Decode(r.Payload)
	if e.ID != "" {
		w.Log = w.Log.With(output.KeyEntryID, e.ID)
	}
	if r.ended() {
		return w.settle(r, e)
	}
	w.Guesses.tell(w.Log, e.Guesses)
	forbidden := r.Note.Past && r.Note.Fail
	if res, later := w.postpone(r, e, time.Now()); err == nil && !forbidden && later {
		return res
	}
	ctx, cancel := context.WithCancelCause(w.Abort)
	defer cancel(nil)
	r.Attempt, r.MaxAttempts, r.Began = e.Past.Attempts+1, w.Plan.Retry.MaxAttempts, time.Now()
	running := w.Registry.enter(cancel, r, e.ID)
	defer running.leave()
	w.counters().Started(r.Type)
	w.Log.Debug("task started")
	switch {
	case forbidden:
		r.conclude(entry.OutcomeCrashed, `redis was restored to an older state in which this task was running; it already ran, and on_crash = "fail" forbids a second run`)
	case err != nil:
		r.conclude(entry.OutcomeUnreadable, err.Error())
	default:
		w.execute(ctx, running, r, e)
	}
	r.Verdict.Took = time.Since(r.Began).Round(time.Microsecond)
	return w.settle(r, e)
}

// execute starts the script and waits for its end. ctx ends when the task is to be
// stopped, with the reason as its cause.
func (w *Worker) execute(ctx context.Context, running *running, r *Run, e entry.Entry) {
	if fault := expired(e.Orders, r.Began); fault != "" {
		r.conclude(entry.OutcomeExpired, fault)
		return
	}
	x, err := w.Plan.executor().Start(ctx, w.Log, r, e)
	var unfit EntryError
	if errors.As(err, &unfit) {
		r.conclude(entry.OutcomeNotStarted, err.Error())
		r.Verdict.Hopeless = true
		return
	}
	w.Tried(attemptOf(err), err)
	if err != nil {
		w.notStarted(ctx, r, err)
		return
	}
	r.Process = x.Process()
	running.started(r.Process)
	if limit := w.Plan.limit(e.Timeout); limit > 0 {
		r.Deadline = time.Now().Add(limit)
	}
	w.await(ctx, x, r, e)
}

// notStarted sets the verdict of a run whose start failed.
func (w *Worker) notStarted(ctx context.Context, r *Run, err error) {
	r.conclude(entry.OutcomeNotStarted, err.Error())
	if exhausted(err) { // no fault of the entry: this host or another one runs it later
		r.Verdict.Outcome = entry.OutcomeReturned
	}
	w.interrupted(ctx, r)
}

// await waits for the end of a run, and sets its verdict.
func (w *Worker) await(ctx context.Context, x Execution, r *Run, e entry.Entry) {
	limited, release := ctx, context.CancelFunc(func() {})
	if !r.Deadline.IsZero() {
		limited, release = context.WithDeadlineCause(ctx, r.Deadline, errTimedOut)
	}
	defer release()
	exit, why := x.Wait(limited, w.Kill)
	r.Verdict.Exit = exit
	r.judge(w.Plan.FailOnOutput)
	r.Verdict.Exit.Err = nil // its text is in the fault
	if why != nil || exit.SharedSignal {
		r.Verdict.Reason = ""
	}
	switch {
	case exit.SharedSignal:
		w.sharedSignal(ctx, r)
	case errors.Is(why, errTimedOut):
		r.stopped(entry.OutcomeTimedOut, fmt.Sprintf("timed out after %v", w.Plan.limit(e.Timeout)))
	case why != nil:
		w.interrupted(ctx, r)
	}
}

// limit is how long a run may take, 0 for ever. An entry can only shorten it.
func (p *Plan) limit(requested time.Duration) time.Duration {
	if requested > 0 && (p.Timeout == 0 || requested < p.Timeout) {
		return requested
	}
	return p.Timeout
}

// interrupted sets the verdict of a run that did not end, or start, because ctx ended.
// It leaves the verdict alone if ctx has not ended.
func (w *Worker) interrupted(ctx context.Context, r *Run) {
	switch {
	case ctx.Err() == nil:
	case errors.Is(context.Cause(ctx), ErrCancelled):
		r.stopped(entry.OutcomeCancelled, "cancelled")
	case errors.Is(context.Cause(ctx), ErrTakenOver):
		r.conclude(entry.OutcomeTakenOver, "")
	default:
		w.cutShort(r, "gordon stopped this task before it finished")
	}
}

// cutShort sets the verdict of an entry that was not run to its end. It goes back
// unless it must not run twice.
func (w *Worker) cutShort(r *Run, reason string) {
	if w.Plan.FailOnCrash() && r.Verdict.Exit.Kind != runner.NotStarted {
		r.conclude(entry.OutcomeStopped, reason+", and on_crash = \"fail\" forbids a second run")
		return
	}
	r.conclude(entry.OutcomeReturned, "")
}

// sharedSignal sets the verdict of a task that was ended by a signal that the daemon
// received as well. A daemon that is about to stop must not take the entry anew, and
// puts it back together with all others, in their order: so this waits for the drain,
// which follows.
func (w *Worker) sharedSignal(ctx context.Context, r *Run) {
	w.cutShort(r, "a signal sent to gordon also killed this task")
	if !w.Plan.all.planner.Signals.stopping() {
		return
	}
	select {
	case <-w.Drained.Done():
	case <-ctx.Done():
	}
}
