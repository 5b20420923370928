package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// outcome is how a task ended, as the log and its readers name it.
type outcome string

const (
	outcomeOK          outcome = "ok"
	outcomeFailed      outcome = "failed"
	outcomeSignal      outcome = "signal"
	outcomeOutput      outcome = "output"
	outcomeNotStarted  outcome = "not started"
	outcomeUnreadable  outcome = "unreadable"
	outcomeReturned    outcome = "returned"
	outcomeStopped     outcome = "stopped"
	outcomeTimedOut    outcome = "timed out"
	outcomeOutOfMemory outcome = "out of memory"
)

// worker runs one entry, from its bytes to the record that it leaves.
type worker struct {
	task     config.Task
	settings *Settings
	counters *stats.Counters
	log      *slog.Logger
	id       string // GORDON_TASK_ID
	slot     *slot
	payload  []byte
	// abort ends when the task is to be stopped and its entry put back, kill
	// when there is no time left to be polite.
	abort, kill context.Context
	group       *cgroup.Run // while a process runs; nil without control groups
}

// result is what a worker reports.
type result struct {
	slot   *slot
	how    store.How
	record []byte // for the failed list, which is kept for ttl
	ttl    time.Duration
	failed bool // the type rests, where the configuration says so
}

// run does the work. It returns when the process and, after an abort, its whole
// tree are gone.
func (w *worker) run() result {
	w.counters.Started(w.task.Type)
	w.log.Debug("task started")
	began := time.Now()
	res, fault, status := w.execute()
	log := w.log.With(output.KeyOutcome, string(status), output.KeyDuration, time.Since(began).Round(time.Microsecond))
	if res.Kind == runner.Exited {
		log = log.With(output.KeyExitStatus, res.ExitStatus)
	}
	switch status {
	case outcomeOK:
		w.counters.Done(w.task.Type)
		log.Debug("task done")
		return result{slot: w.slot, how: store.Drop}
	case outcomeReturned:
		w.counters.Returned(w.task.Type)
		log.Warn("task stopped, its entry goes back to the head of the queue")
		return result{slot: w.slot, how: store.Return}
	}
	w.counters.Failed(w.task.Type)
	log.Error(headline(status), output.KeyError, excerpt(fault), output.KeyMessageID, messageID(status))
	// Before the entry leaves its run list: power loss here repeats the entry
	// and the notice, the other way round the notice would be lost.
	w.notify(fault)
	ttl := w.task.FailedTasksTTL
	if status == outcomeStopped {
		ttl = max(ttl, crashTTL) // not run to its end: it has to stand somewhere
	}
	if ttl <= 0 {
		return result{slot: w.slot, how: store.Drop, failed: true}
	}
	record := failedRecord(w.payload, entry.Failure{Message: fault})
	if record == nil {
		log.Warn("the entry is too large for an error_message: it stands on the failed list as it is")
	}
	return result{slot: w.slot, how: store.Fail, failed: true, ttl: ttl, record: record}
}

// notify runs the error_script. An abort leaves it kill_grace to end.
func (w *worker) notify(fault string) {
	ctx, cancel := context.WithCancel(w.kill)
	defer cancel()
	defer context.AfterFunc(w.abort, func() { time.AfterFunc(w.settings.KillGrace, cancel) })()
	w.settings.errorScript(w.log).Notify(ctx, w.task.Type, w.payload, fault)
}

// execute runs the process; fault says why it failed.
func (w *worker) execute() (o runner.Outcome, fault string, status outcome) {
	e, err := entry.Decode(w.payload)
	if err != nil {
		return o, err.Error(), outcomeUnreadable
	}
	env, err := runner.BuildEnv(w.settings.Env, e.Env, w.taskEnv(), w.task.AllowUnsafeEnv)
	if err != nil {
		return o, err.Error(), outcomeNotStarted
	}
	process, err := w.start(runner.Spec{Path: w.task.Script, Args: e.Args, Env: env, Marker: w.id})
	if err != nil {
		if w.abort.Err() != nil {
			return o, "", outcomeReturned
		}
		return runner.NotStartedBy(err), err.Error(), outcomeNotStarted
	}
	o, stopped := w.wait(process)
	w.leave(o)
	fault = failure(o, w.task.FailOnOutput)
	switch {
	case errors.Is(stopped, errTimedOut):
		return o, timedOut(w.task.Timeout, o), outcomeTimedOut
	case stopped != nil && w.task.OnCrash == config.CrashFail:
		return o, "gordon stopped this before it had ended, and on_crash = \"fail\" forbids a second run", outcomeStopped
	case stopped != nil:
		return o, "", outcomeReturned
	case fault == "":
		return o, "", outcomeOK
	case o.OOM != "":
		return o, fault, outcomeOutOfMemory
	case o.Success():
		return o, fault, outcomeOutput
	case o.Kind == runner.Signaled:
		return o, fault, outcomeSignal
	default:
		return o, fault, outcomeFailed
	}
}

// taskEnv is what the script learns about its run.
func (w *worker) taskEnv() []string {
	return []string{"GORDON_TASK_TYPE=" + w.task.Type, runner.MarkerVar + "=" + w.id, "GORDON_ATTEMPT=1"}
}

// startPatience is how long a start is tried again that failed for want of
// memory, processes or descriptors: a fault of the machine, not of the entry.
const startPatience = time.Minute

func (w *worker) start(spec runner.Spec) (*runner.Process, error) {
	deadline := time.Now().Add(startPatience)
	var pace retry
	for {
		process, err := w.begin(spec)
		if err == nil || !transient(err) || time.Now().After(deadline) || w.abort.Err() != nil {
			return process, err
		}
		if pace.pause == 0 {
			w.log.Warn("the system cannot start a process now, trying again", output.KeyError, err.Error())
		}
		pace.wait(w.abort)
	}
}

// errTimedOut is why a task is stopped that ran for too long.
var errTimedOut = errors.New("timed out")

// wait waits for the process; stopped says why it was stopped, nil when it ended
// by itself. After a stop it returns when the tree is gone: what is left of a
// task must not run beside its entry's next run. An entry whose task we signalled
// did not end well even if the script then exited with 0, because scripts do that
// on SIGTERM without being done.
func (w *worker) wait(p *runner.Process) (o runner.Outcome, stopped error) {
	ctx, release := w.abort, func() {}
	if w.task.Timeout > 0 {
		ctx, release = context.WithTimeoutCause(w.abort, w.task.Timeout, errTimedOut)
	}
	defer release()
	return waitOrStop(ctx, w.kill, p, w.task.KillGrace)
}

// waitOrStop waits for a process, and stops its tree when ctx ends, with SIGKILL
// at once when kill has ended. stopped is the cause of ctx, or nil when the
// process ended by itself.
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

// timedOut is the error_message of a task that ran for too long.
func timedOut(after time.Duration, o runner.Outcome) string {
	reason := fmt.Sprintf("timed out after %v", after)
	if output := printed(o); output != "" {
		reason += "\n" + output
	}
	return reason
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
