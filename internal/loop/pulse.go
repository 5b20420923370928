package loop

import (
	"sync/atomic"
	"time"
)

// Pulse is the proof that a loop moves. Before each bounded wait, for an answer of
// Redis for instance, the loop tells until when it returns at the latest. A Redis that
// is down does not stop a pulse; a loop that hangs does. The zero value is a loop that
// waits for work.
type Pulse struct {
	wait atomic.Pointer[wait] // nil while the loop waits for work
}

// wait is one bounded wait. Both of its times have a monotonic part (see package
// time): somebody may set the clock.
type wait struct {
	span time.Duration
	due  time.Time
}

// slack is added to each bound: a machine that swaps is not a loop that hangs.
const slack = 10 * time.Second

// Within promises that the loop returns before d is over.
func (p *Pulse) Within(d time.Duration) {
	d += slack
	p.wait.Store(&wait{span: d, due: time.Now().Add(d)})
}

// Progress grants the same time again: the loop waits for something large that is
// being transferred, which may take minutes.
func (p *Pulse) Progress() {
	if w := p.wait.Load(); w != nil {
		p.wait.CompareAndSwap(w, &wait{span: w.span, due: time.Now().Add(w.span)})
	}
}

// Rest tells that the loop waits for work.
func (p *Pulse) Rest() { p.wait.Store(nil) }

// Due returns the time at which the loop returns at the latest; ok is false while it
// waits for work.
func (p *Pulse) Due() (due time.Time, ok bool) {
	w := p.wait.Load()
	if w == nil {
		return time.Time{}, false
	}
	return w.due, true
}

// Moves reports whether the loop has kept its promise so far.
func (p *Pulse) Moves() bool {
	due, ok := p.Due()
	return !ok || time.Now().Before(due)
}
