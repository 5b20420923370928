package loop

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses between attempts: short at first, because most interruptions are short, and
// never so long that gordon still sleeps a second after Redis came back.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 600 * time.Millisecond
)

// Pacer paces repeated attempts, to reach Redis for instance. The zero value is ready.
// It belongs to one goroutine.
type Pacer struct{ pause time.Duration }

// Reset notes an attempt that succeeded: the next pause is the shortest.
func (p *Pacer) Reset() { p.pause = 0 }

// Failing reports whether an attempt has failed since the last success.
func (p *Pacer) Failing() bool { return p.pause > 0 }

// Next returns the pause before the next attempt. It doubles each time. Up to a third
// of it is taken off at random, so that many daemons do not come back at the same moment.
func (p *Pacer) Next() time.Duration {
	p.pause = min(max(2*p.pause, firstPause), lastPause)
	return p.pause - rand.N(p.pause/3)
}

// Wait sleeps for the next pause, or until one of the contexts ends.
func (p *Pacer) Wait(ctxs ...context.Context) {
	merged, cancel := context.WithTimeout(context.Background(), p.Next())
	defer cancel()
	for _, ctx := range ctxs {
		defer context.AfterFunc(ctx, cancel)()
	}
	<-merged.Done()
}
