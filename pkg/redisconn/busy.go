package redisconn

import (
	"sync/atomic"
	"time"
)

// Busy is the time until which a goroutine may wait for Redis. The connections of
// that goroutine set it from the time-out of each step, and move it on while a large
// entry or record is on its way. Any goroutine may read it. The zero value is idle.
//
// It holds a [time.Time] and not a number: the monotonic part of a time stays right
// when somebody sets the clock.
type Busy struct{ until atomic.Pointer[time.Time] }

// Until returns the time until which the goroutine may wait, or the zero time if it
// does not wait. When that time has passed, the goroutine hangs.
func (b *Busy) Until() time.Time {
	if until := b.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// extend moves the time to t, but never back: a step that is still under way, such as
// a BLMOVE, may have set a later time. A nil Busy belongs to a connection that nobody
// watches.
func (b *Busy) extend(t time.Time) {
	if b == nil || t.IsZero() {
		return
	}
	for {
		before := b.until.Load()
		if before != nil && !before.Before(t) || b.until.CompareAndSwap(before, &t) {
			return
		}
	}
}

// within announces a step that takes no longer than d.
func (b *Busy) within(d time.Duration) { b.extend(time.Now().Add(d)) }

// Rest announces that the goroutine does not wait for Redis.
func (b *Busy) Rest() {
	if b != nil {
		b.until.Store(nil)
	}
}
