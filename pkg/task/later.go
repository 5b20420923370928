package task

import (
	"time"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Entries that are not to run yet, because they have a run_at or a delay. They wait in
// Redis until an instance on duty moves them to their queue.

// earliest is when an entry that is read now may run.
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

// postpone returns the result for an entry that is not to run yet; later is false if it
// may run now. An entry whose deadline comes first is not postponed: it fails at
// once, as it would afterwards.
func (w *Worker) postpone(r *Run, e entry.Entry, now time.Time) (res Result, later bool) {
	due := earliest(e.Orders, now)
	if !due.After(now) || late(e.Deadline, due) {
		return Result{}, false
	}
	res = Result{Slot: r.Slot, How: store.Delay}
	if e.RunAt.IsZero() {
		res.After = e.Delay // by the clock of Redis
	} else {
		res.Due = e.RunAt
	}
	past := e.Past
	past.TaskID = r.ID
	if res.Record = entry.Later(store.MaxString, r.Payload, past); res.Record == nil {
		w.Log.Warn("the entry is too large to be delayed; it runs now")
		return Result{}, false
	}
	res.Smaller = func() Result {
		r.Attempt, r.MaxAttempts, r.Began = past.Attempts+1, w.Plan.Retry.MaxAttempts, now
		r.conclude(entry.OutcomeNotStarted, "")
		return w.cannotWait(r, "not started: the entry cannot be delayed", len(res.Record))
	}
	w.Log.Debug("entry delayed", "due", due)
	return res, true
}

func late(deadline, due time.Time) bool { return !deadline.IsZero() && !due.Before(deadline) }

// expired returns why an entry that is read now is not started, or "" if it is in time.
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
