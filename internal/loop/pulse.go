package loop

import (
	"fmt"
	"sync/atomic"
	"time"
)

// slack is added to each bound: a machine that swaps is not a loop that hangs.
const slack = 10 * time.Second

// Hangs returns an error that names an actor if it should have stopped waiting by now.
// until is the time until which it may wait; the zero value is for an actor that waits for
// work. A connection to Redis computes that time; see [store.Busy]. So a Redis that is down
// does not make an actor hang, and neither does a large entry that is being transferred.
func Hangs(name string, until time.Time) error {
	if until.IsZero() || time.Now().Before(until.Add(slack)) {
		return nil
	}
	return fmt.Errorf("%s hangs", name)
}

// Pulse is a bounded wait of an actor for something other than Redis. The zero value is an
// actor that waits for work. It is safe for concurrent use.
//
// It holds a [time.Time] with a monotonic part (see package time): somebody may set the
// clock.
type Pulse struct {
	until atomic.Pointer[time.Time]
}

// Within announces a wait that is over before d has passed.
func (p *Pulse) Within(d time.Duration) {
	until := time.Now().Add(d)
	p.until.Store(&until)
}

// Rest announces that the actor waits for work.
func (p *Pulse) Rest() { p.until.Store(nil) }

// Until returns the end of the wait, or the zero time if there is none.
func (p *Pulse) Until() time.Time {
	if until := p.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}
