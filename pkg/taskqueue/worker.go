package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// worker runs one entry, from its bytes to what becomes of it.
type worker struct {
	task     config.Task
	settings *Settings
	counters *stats.Counters
	log      *slog.Logger
	id       string // GORDON_TASK_ID
	slot     *slot
	payload  []byte
	note     store.Note
	// abort ends when the task is to be stopped and its entry put back, kill
	// when there is no time left to be polite.
	abort, kill context.Context
	// drained ends when the daemon has begun to stop: no queue takes entries.
	drained context.Context
	// roster is where a cancel looks for the task while it runs.
	roster  *roster
	guesses *guesses
	// chance draws a number from 0 up to 1.
	chance func() float64
	// attempted is told how the start ended.
	attempted func(a attempt, err error)
	group     *cgroup.Run // while a process runs; nil without control groups
}

// result is what a worker reports.
type result struct {
	slot   *slot
	how    store.How
	record []byte // what stands on the failed list or among those for later
	// ttl is how long the failed list is kept at least.
	ttl time.Duration
	// due and after say when an entry for later is due; see [store.Finish].
	due   time.Time
	after time.Duration
	// effect is what the run means for the back-off of its type.
	effect effect
	// smaller returns another result, where Redis does not take one with this record.
	// It may take as long as a run. nil where there is no record.
	smaller func() result
}

// effect is what a run means for the back-off of its type.
type effect int

const (
	noEffect effect = iota
	succeeded
	failed // the type rests, where the configuration says so
)

// run does the work. It returns when the process and, after an abort, its whole
// tree are gone.
func (w *worker) run() result {
	e, err := entry.Decode(w.payload)
	if e.ID != "" {
		w.log = w.log.With(output.KeyEntryID, e.ID)
	}
	w.guesses.tell(w.log, e.Guesses)
	ran := w.note.Past && w.note.Fail
	if r, early := w.putOff(e.Orders, e.Past, time.Now()); err == nil && !ran && early {
		return r
	}
	ctx, cancel := context.WithCancelCause(w.abort)
	defer cancel(nil)
	defer w.roster.enter(cancel, w.id, e.ID)()
	w.counters.Started(w.task.Type)
	w.log.Debug("task started")
	began := time.Now()
	v := verdict{attempt: e.Past.Attempts + 1, attempts: w.task.Retry.MaxAttempts, began: began}
	switch {
	case ran:
		v.outcome, v.fault = outcomeCrashed, `redis came back with an older state, in which this was running: it has run, and on_crash = "fail" forbids a second run`
	case err != nil:
		v.outcome, v.fault = outcomeUnreadable, err.Error()
	default:
		w.execute(ctx, e, &v)
	}
	v.took = time.Since(began).Round(time.Microsecond)
	return w.settle(e, v)
}

// settle says what becomes of an entry that has been run.
func (w *worker) settle(e entry.Entry, v verdict) result {
	w.counters.Measure(w.task.Type, string(v.outcome), v.took, v.process.Usage)
	switch v.outcome {
	case outcomeOK:
		w.counters.Done(w.task.Type)
		w.log.Debug("task done", v.attributes()...)
		return result{slot: w.slot, how: store.Drop, effect: succeeded}
	case outcomeReturned:
		w.counters.Returned(w.task.Type)
		w.log.Warn("task stopped, its entry goes back to the head of the queue", v.attributes()...)
		return result{slot: w.slot, how: store.Return}
	case outcomeTakenOver:
		w.counters.Returned(w.task.Type)
		w.log.Warn("task stopped, because another host has taken its entry over", v.attributes()...)
		return result{slot: w.slot, how: store.Return}
	}
	log := w.log.With(v.attributes()...)
	r, again := w.again(e, &v)
	log = log.With(output.KeyError, excerpt(v.told+v.fault))
	if again {
		w.counters.Retried(w.task.Type)
		log.Warn("task failed, it runs again later", output.KeyRetryIn, r.after, output.KeyMessageID, output.MsgTaskRetried)
		return r
	}
	w.counters.Failed(w.task.Type)
	log.Error(headline(v.outcome), output.KeyMessageID, messageID(v.outcome))
	return w.fail(log, v)
}

// notify runs the error_script. An abort leaves it kill_grace to end.
func (w *worker) notify(fault string) {
	ctx, cancel := context.WithCancel(w.kill)
	defer cancel()
	defer context.AfterFunc(w.abort, func() { time.AfterFunc(w.settings.KillGrace, cancel) })()
	w.settings.errorScript(w.kill, w.log).Notify(ctx, w.task.Type, w.payload, fault)
}

// execute runs the process and notes how it ended. ctx ends when the task is to be
// stopped, with the reason.
func (w *worker) execute(ctx context.Context, e entry.Entry, v *verdict) {
	if v.fault = expired(e.Orders, v.began); v.fault != "" {
		v.outcome = outcomeExpired
		return
	}
	spec, err := w.settings.commands[w.task.Type].spec(e, w.id, w.taskEnv(e))
	if err != nil {
		v.outcome, v.fault, v.hopeless = outcomeNotStarted, err.Error(), true
		return
	}
	process, err := patiently(ctx, w.log, w.settings.startPatience, func() (*runner.Process, error) { return w.begin(spec) })
	w.attempted(attemptOf(err), err)
	if err != nil {
		v.process = runner.NotStartedBy(err)
		v.outcome, v.fault = outcomeNotStarted, err.Error()
		if exhausted(err) { // which says nothing of the entry: this host or another one runs it later
			v.outcome = outcomeReturned
		}
		w.stopped(ctx, v)
		return
	}
	limit := w.limit(e.Timeout)
	limited, release := ctx, func() {}
	if limit > 0 {
		limited, release = context.WithTimeoutCause(ctx, limit, errTimedOut)
	}
	defer release()
	ended, why := waitOrStop(limited, w.kill, process, w.task.KillGrace)
	w.leave(ended)
	v.process = ended
	v.judge(w.task.FailOnOutput)
	if why != nil || ended.SharedSignal {
		v.told = ""
	}
	switch {
	case ended.SharedSignal:
		w.sharedSignal(ctx, v)
	case errors.Is(why, errTimedOut):
		v.stopped(outcomeTimedOut, fmt.Sprintf("timed out after %v", limit))
	case why != nil:
		w.stopped(ctx, v)
	}
}

// limit is how long a run may take, 0 for ever. An entry can only shorten it.
func (w *worker) limit(asked time.Duration) time.Duration {
	if asked > 0 && (w.task.Timeout == 0 || asked < w.task.Timeout) {
		return asked
	}
	return w.task.Timeout
}

// stopped notes that the task did not end, or start, because ctx ended. It leaves
// the verdict alone where ctx did not.
func (w *worker) stopped(ctx context.Context, v *verdict) {
	switch {
	case ctx.Err() == nil:
	case errors.Is(context.Cause(ctx), errCancelled):
		v.stopped(outcomeCancelled, "cancelled")
	case errors.Is(context.Cause(ctx), errTakenOver):
		v.outcome, v.fault = outcomeTakenOver, ""
	default:
		w.cutShort(v, "gordon stopped this before it had ended")
	}
}

// cutShort notes that the entry was not run to its end, and goes back unless it must
// not run twice.
func (w *worker) cutShort(v *verdict, reason string) {
	if w.task.OnCrash == config.CrashFail && v.process.Kind != runner.NotStarted {
		v.outcome, v.fault = outcomeStopped, reason+", and on_crash = \"fail\" forbids a second run"
		return
	}
	v.outcome, v.fault = outcomeReturned, ""
}

// taskEnv is what the script learns about its run.
func (w *worker) taskEnv(e entry.Entry) []string {
	env := []string{
		"GORDON_TASK_TYPE=" + w.task.Type, taskenv.TaskID + "=" + w.id,
		"GORDON_ATTEMPT=" + strconv.Itoa(e.Past.Attempts+1), "GORDON_MAX_ATTEMPTS=" + strconv.Itoa(w.task.Retry.MaxAttempts),
	}
	if e.ID != "" {
		env = append(env, "GORDON_ENTRY_ID="+e.ID)
	}
	return env
}

// patiently calls begin until it has started a process or its time or ctx is over. It
// calls begin again only after transient errors.
func patiently(ctx context.Context, log *slog.Logger, patience time.Duration, begin func() (*runner.Process, error)) (*runner.Process, error) {
	deadline := time.Now().Add(patience)
	var pace loop.Pacer
	for {
		process, err := begin()
		if err == nil || !transient(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return process, err
		}
		if !pace.Failing() {
			log.Warn("the system cannot start a process now, trying again", output.KeyError, err.Error())
		}
		pace.Wait(ctx)
	}
}

// errTimedOut is why a task is stopped that ran for too long, and errCancelled
// why one is that somebody wants no more.
var (
	errTimedOut  = errors.New("timed out")
	errCancelled = errors.New("cancelled")
)

// waitOrStop waits for a process, and stops its tree when ctx ends, with SIGKILL
// at once when kill has ended. stopped is the cause of ctx, or nil when the
// process ended by itself. After a stop it returns when the tree is gone: what is
// left of a task must not run beside its entry's next run. An entry whose task we
// signalled did not end well even if the script then exited with 0, because scripts
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
