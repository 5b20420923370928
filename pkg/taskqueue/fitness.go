package taskqueue

import (
	"errors"
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

// note notes an attempt. Of several that failed at once, one counts.
func (f *fitness) note(a attempt, now time.Time) {
	switch {
	case a == started:
		*f = fitness{}
	case a == hostFault && !now.Before(f.until):
		f.pause = min(max(2*f.pause, firstRest), lastRest)
		f.until = now.Add(f.pause)
	}
}

// admits reports whether a task may start beside those that run: after a rest, one
// finds out whether this host can by now.
func (f *fitness) admits(running int, now time.Time) bool {
	return f.pause == 0 || running == 0 && !now.Before(f.until)
}

// judgeHost notes what a run shows of this host.
func (q *queue) judgeHost(r result) {
	before := q.fitness.pause
	q.fitness.note(r.attempt, time.Now())
	now := q.fitness.pause
	switch {
	case before == 0 && now > 0:
		q.log.Warn("this host cannot start tasks of this type, which rests here and is tried again later; other hosts may take its entries",
			output.KeyError, excerpt(r.attemptErr))
	case before > 0 && now == 0:
		q.log.Info("this host can start tasks of this type again")
	}
	q.fetcher.health.unfit(q.name, now > 0)
}
