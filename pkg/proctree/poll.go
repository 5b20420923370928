package proctree

import (
	"context"
	"time"
)

// The pauses between searches for a tree that is about to end: short at first, because
// most trees end at once, then longer. Each search reads all of /proc.
const (
	firstPause = 2 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// Poll calls ok, with growing pauses, until it returns true. It returns false if ctx ends
// first.
func Poll(ctx context.Context, ok func() bool) bool {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if ok() {
			return true
		}
		if !sleep(ctx, pause) {
			return false
		}
	}
}

// sleep waits for d, and reports whether ctx has not ended by then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
