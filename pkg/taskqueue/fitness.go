package taskqueue

import (
	"sync"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// The rest of a type whose tasks this host cannot start. The first rest is long enough for
// another host to take the entries that wait.
const (
	firstRest = time.Second
	lastRest  = time.Minute
)

// fitness is whether this host can start the tasks of a type. If it cannot, because the
// script, the user's rights, the working directory or memory is missing, the type rests
// here, so that the entries wait for a host that can: a host that fails at once would
// otherwise take more entries than all others. The zero value is fit. It is safe for
// concurrent use.
type fitness struct {
	mu    sync.Mutex
	pause time.Duration // 0 = fit
	until time.Time     // no take before
}

// note notes an attempt, and reports whether the fitness has changed. Of several attempts
// that failed at once, one counts.
func (f *fitness) note(a task.Attempt, now time.Time) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.pause
	switch {
	case a == task.Started:
		f.pause, f.until = 0, time.Time{}
	case a == task.HostFault && !now.Before(f.until):
		f.pause = min(max(2*f.pause, firstRest), lastRest)
		f.until = now.Add(f.pause)
	}
	return (before == 0) != (f.pause == 0)
}

// endRest ends a rest.
func (f *fitness) endRest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = time.Time{}
}

// restsUntil returns when the rest ends, the zero time if there is none.
func (f *fitness) restsUntil() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until
}

// admits reports whether a task may start beside those that run. After a rest, a single
// task finds out whether this host can start tasks again.
func (f *fitness) admits(running int, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pause == 0 || running == 0 && !now.Before(f.until)
}

// judgeHost notes the result of an attempt to start a task. Workers call it, because a task
// that was started may run for long.
func (q *queue) judgeHost(a task.Attempt, why error) {
	if !q.fitness.note(a, time.Now()) {
		return
	}
	q.health.SetUnfit(q.name, a == task.HostFault)
	if a == task.HostFault {
		q.log.Warn("this host cannot start tasks of this type; the type is suspended here and retried later (other hosts may take its entries)",
			output.KeyError, output.Excerpt(why.Error()))
		return
	}
	q.log.Info("this host can start tasks of this type again")
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}
