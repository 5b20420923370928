package taskqueue

import (
	"fmt"
	"math"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// What is run later, and when: entries that say so, and the next attempt after a
// failure. Both wait in Redis; the mover brings them back.

// earliest is when an entry that was read now may run.
func earliest(o entry.Orders, now time.Time) time.Time {
	switch {
	case o.RunAt.After(now):
		return o.RunAt
	case o.RunAt.IsZero():
		return now.Add(o.Delay)
	default:
		return now
	}
}

// putOff says what becomes of an entry that is not to run yet. One that would come
// too late then is not put off: execute has it fail at once, as it would afterwards.
func (w *worker) putOff(o entry.Orders, p entry.Past, now time.Time) (result, bool) {
	due := earliest(o, now)
	if !due.After(now) || late(o.Deadline, due) {
		return result{}, false
	}
	r := result{slot: w.slot, how: store.Delay}
	if o.RunAt.IsZero() {
		r.after = o.Delay // by the clock of Redis
	} else {
		r.due = o.RunAt
	}
	p.TaskID = w.id
	if r.record = entry.Later(store.MaxString, w.payload, p); r.record == nil {
		w.log.Warn("the entry is too large to be put off, it runs now")
		return result{}, false
	}
	r.smaller = func() result {
		v := verdict{outcome: outcomeNotStarted, attempt: p.Attempts + 1, attempts: w.task.Retry.MaxAttempts, began: now}
		return w.cannotWait(v, "not started, because it cannot wait for its time", len(r.record))
	}
	w.log.Debug("entry waits for its time", "due", due)
	return r, true
}

func late(deadline, due time.Time) bool { return !deadline.IsZero() && !due.Before(deadline) }

// expired says why an entry that was read now is not started, "" where it is in
// time.
func expired(o entry.Orders, now time.Time) string {
	deadline := o.Deadline.UTC().Format(time.RFC3339)
	switch {
	case late(o.Deadline, now):
		return "not started: its deadline was " + deadline
	case late(o.Deadline, earliest(o, now)):
		return "not started: its deadline is " + deadline + ", and it may not run before"
	default:
		return ""
	}
}

// again says what becomes of an entry that failed and is to run once more. Where it
// is not, because its deadline comes first, the verdict says so.
func (w *worker) again(e entry.Entry, v *verdict) (result, bool) {
	retry := w.task.Retry
	if v.attempt >= retry.MaxAttempts || v.hopeless || !retried(retry.On, v) {
		return result{}, false
	}
	pause := retryPause(retry, v.attempt, w.chance())
	if late(e.Deadline, time.Now().Add(pause)) {
		v.fault += fmt.Sprintf("\nnot tried again: its deadline is %s", e.Deadline.UTC().Format(time.RFC3339))
		return result{}, false
	}
	record := entry.Later(store.MaxString, w.payload, entry.Past{Attempts: v.attempt, TaskID: w.id})
	if record == nil {
		v.fault += "\nnot tried again: the entry is too large to be put off"
		return result{}, false
	}
	smaller := func() result { return w.cannotWait(*v, "not tried again", len(record)) }
	return result{slot: w.slot, how: store.Delay, record: record, after: pause, effect: failed, smaller: smaller}, true
}

// retried tells whether a task that ended like this runs again.
func retried(on config.Failures, v *verdict) bool {
	switch v.outcome {
	case outcomeFailed:
		return v.process.Kind == runner.Exited && on.Exit(v.process.ExitStatus)
	case outcomeSignal, outcomeOutput, outcomeNotStarted, outcomeOutOfMemory:
		return on.Other(string(v.outcome))
	case outcomeTimedOut:
		return on.Other("timeout")
	default:
		return false
	}
}

// retryPause is the time from the end of an attempt to the next one. chance is from
// 0 up to 1.
func retryPause(r config.Retry, attempt int, chance float64) time.Duration {
	// In floating point, so that many attempts cannot overflow.
	pause := min(float64(r.Delay)*math.Pow(r.Factor, float64(attempt-1)), float64(r.DelayMax))
	pause *= 1 + r.Jitter*(2*chance-1)
	return time.Duration(min(pause, float64(r.DelayMax))).Round(time.Millisecond)
}
