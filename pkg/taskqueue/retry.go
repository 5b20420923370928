package taskqueue

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses between attempts to reach Redis: short at first, because most
// interruptions are, and never so long that gordon would still sleep a second
// after Redis came back.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 600 * time.Millisecond
)

// retry paces repeated attempts. The zero value is ready.
type retry struct{ pause time.Duration }

// reset is for an attempt that went well.
func (r *retry) reset() { r.pause = 0 }

// next returns how long to wait now: twice as long each time, less up to a
// third at random, so that many daemons do not come back in one wave.
func (r *retry) next() time.Duration {
	r.pause = min(max(2*r.pause, firstPause), lastPause)
	return r.pause - rand.N(r.pause/3)
}

// wait sleeps for the next pause, or until a context ends.
func (r *retry) wait(ctxs ...context.Context) {
	merged, cancel := context.WithTimeout(context.Background(), r.next())
	defer cancel()
	for _, ctx := range ctxs {
		defer context.AfterFunc(ctx, cancel)()
	}
	<-merged.Done()
}
