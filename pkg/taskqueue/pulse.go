package taskqueue

import (
	"sync/atomic"
	"time"
)

// pulse is how a loop that waits for Redis proves that it moves: before each
// wait that is bounded it says when it will be back at the latest. Redis being
// down does not stop a pulse, a loop that hangs does.
type pulse struct {
	wait atomic.Pointer[wait] // nil while the loop waits for work
}

// wait is one bounded wait. Both of its times have a monotonic part (see package
// time): somebody may set the clock.
type wait struct {
	span time.Duration
	due  time.Time
}

// pulseSlack is granted on top: a machine that swaps is not a hung loop.
const pulseSlack = 10 * time.Second

// within says that the loop is back before d is over.
func (p *pulse) within(d time.Duration) {
	d += pulseSlack
	p.wait.Store(&wait{span: d, due: time.Now().Add(d)})
}

// progress grants the same again: the loop's wait is for something large that is
// on its way, and may well be for minutes.
func (p *pulse) progress() {
	if w := p.wait.Load(); w != nil {
		p.wait.CompareAndSwap(w, &wait{span: w.span, due: time.Now().Add(w.span)})
	}
}

// rest says that the loop waits for work, in a select.
func (p *pulse) rest() { p.wait.Store(nil) }

// beats reports whether the loop is where it said it would be.
func (p *pulse) beats() bool {
	w := p.wait.Load()
	return w == nil || time.Now().Before(w.due)
}
