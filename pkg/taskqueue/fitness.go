package taskqueue

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// How long a type rests that this host cannot start tasks of. The first pause is long
// enough for another host to take what waits.
const (
	firstRest = time.Second
	lastRest  = time.Minute
)

// fitness is whether this host can start the tasks of a type. Where it cannot, for want
// of the script, the user's rights, the working directory or memory, the type rests
// here, so that the entries wait for a host that can: a host that fails at once would
// otherwise take more entries than all others. The zero value is fit.
type fitness struct {
	mu    sync.Mutex
	pause time.Duration // 0 = fit
	until time.Time     // nothing is taken before
}

// attempt is how a start ended.
type attempt int

const (
	notTried  attempt = iota
	started           // a process ran
	hostFault         // this host could not, whatever the entry
)

// attemptOf returns what an error of [runner.Start] says of this host. Arguments that
// are too long, or hold a NUL byte, are the fault of their entry.
func attemptOf(err error) attempt {
	switch {
	case err == nil:
		return started
	case errors.Is(err, unix.E2BIG), errors.Is(err, unix.EINVAL):
		return notTried
	}
	var start *runner.StartError
	if errors.As(err, &start) || errors.Is(err, errNoGroup) {
		return hostFault
	}
	return notTried
}

// note notes an attempt, and reports whether the host is no longer, or not yet, what it
// was. Of several attempts that failed at once, one counts.
func (f *fitness) note(a attempt, now time.Time) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.pause
	switch {
	case a == started:
		f.pause, f.until = 0, time.Time{}
	case a == hostFault && !now.Before(f.until):
		f.pause = min(max(2*f.pause, firstRest), lastRest)
		f.until = now.Add(f.pause)
	}
	return (before == 0) != (f.pause == 0)
}

// hurry ends a rest.
func (f *fitness) hurry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = time.Time{}
}

// rests returns when the rest ends, the zero time if there is none.
func (f *fitness) rests() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until
}

// admits reports whether a task may start beside those that run: after a rest, one
// finds out whether this host can by now.
func (f *fitness) admits(running int, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pause == 0 || running == 0 && !now.Before(f.until)
}

// judgeHost notes what an attempt to start a task shows of this host. Workers call it:
// a task that was started may run for long.
func (q *queue) judgeHost(a attempt, why error) {
	if !q.fitness.note(a, time.Now()) {
		return
	}
	q.health.SetUnfit(q.name, a == hostFault)
	if a == hostFault {
		q.log.Warn("this host cannot start tasks of this type, which rests here and is tried again later; other hosts may take its entries",
			output.KeyError, excerpt(why.Error()))
		return
	}
	q.log.Info("this host can start tasks of this type again")
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}
