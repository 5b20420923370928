package task

import (
	"fmt"
	"math"
	"time"

	"github.com/nevsnode/gordon/v2/internal/failures"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// retry returns the result for an entry that failed and runs again; again is false if
// it does not. If only its deadline or its size prevents that, the verdict has the
// reason.
func (w *Worker) retry(r *Run, e entry.Entry) (res Result, again bool) {
	rules := w.Plan.Retry
	if r.Attempt >= rules.MaxAttempts || r.Verdict.Hopeless || !retries(rules.On, &r.Verdict) {
		return Result{}, false
	}
	pause := retryPause(rules, r.Attempt, w.Chance())
	if late(e.Deadline, time.Now().Add(pause)) {
		r.Verdict.Fault += fmt.Sprintf("\nnot retried: its deadline is %s", e.Deadline.UTC().Format(time.RFC3339))
		return Result{}, false
	}
	record := entry.Later(store.MaxString, r.Payload, entry.Past{Attempts: r.Attempt, TaskID: r.ID})
	if record == nil {
		r.Verdict.Fault += "\nnot retried: the entry is too large to be delayed"
		return Result{}, false
	}
	smaller := func() Result { return w.cannotWait(r, "not retried", len(record)) }
	return Result{Slot: r.Slot, How: store.Delay, Record: record, After: pause, Effect: Failed, Smaller: smaller}, true
}

// retries reports whether a task with this verdict runs again.
func retries(on failures.Set, v *Verdict) bool {
	switch v.Outcome {
	case entry.OutcomeFailed: // this is where exit 75 of retry_on is judged
		return v.Exit.Kind == runner.Exited && on.Exit(v.Exit.ExitStatus)
	case entry.OutcomeSignal, entry.OutcomeOutput, entry.OutcomeNotStarted, entry.OutcomeOutOfMemory:
		return on.Other(string(v.Outcome))
	case entry.OutcomeTimedOut:
		return on.Other("timeout")
	default:
		return false
	}
}

// retryPause is the time from the end of an attempt to the next one. chance is from 0 up
// to 1.
func retryPause(r config.Retry, attempt int, chance float64) time.Duration {
	// In floating point, so that many attempts cannot overflow.
	pause := min(float64(r.Delay)*math.Pow(r.Factor, float64(attempt-1)), float64(r.DelayMax))
	pause *= 1 + r.Jitter*(2*chance-1)
	return time.Duration(min(pause, float64(r.DelayMax))).Round(time.Millisecond)
}

// Backoff computes how long a type rests after its tasks failed, by backoff_enabled,
// backoff_min, backoff_max and backoff_factor of the configuration. The zero value is a
// type without failures.
type Backoff struct{ pause time.Duration }

// Failed returns the rest after a failure, 0 for none.
func (b *Backoff) Failed(c config.Backoff) time.Duration {
	switch {
	case !c.Enabled:
		b.pause = 0
	case b.pause == 0:
		b.pause = c.Min
	default:
		// In floating point, so that a large factor cannot overflow.
		b.pause = time.Duration(min(float64(b.pause)*c.Factor, float64(c.Max)))
	}
	return b.pause
}

// Succeeded ends the row of failures.
func (b *Backoff) Succeeded() { b.pause = 0 }
