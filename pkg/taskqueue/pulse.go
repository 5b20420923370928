package taskqueue

import (
	"sync/atomic"
	"time"
)

// pulse is how a loop that waits for Redis proves that it moves: before each
// wait that is bounded it says when it will be back at the latest. Redis being
// down does not stop a pulse, a loop that hangs does.
type pulse struct{ due, span atomic.Int64 }

// pulseSlack is granted on top: a machine that swaps is not a hung loop.
const pulseSlack = 10 * time.Second

// within says that the loop is back before d is over.
func (p *pulse) within(d time.Duration) {
	p.span.Store(int64(d + pulseSlack))
	p.due.Store(time.Now().UnixNano() + p.span.Load())
}

// progress grants the same again: the loop's wait is for something large that is
// on its way, and may well be for minutes.
func (p *pulse) progress() {
	if p.due.Load() != 0 {
		p.due.Store(time.Now().UnixNano() + p.span.Load())
	}
}

// rest says that the loop waits for work, in a select.
func (p *pulse) rest() { p.due.Store(0) }

// beats tells whether the loop is where it said it would be.
func (p *pulse) beats() bool {
	due := p.due.Load()
	return due == 0 || time.Now().UnixNano() < due
}
