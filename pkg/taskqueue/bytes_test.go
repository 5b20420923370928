package taskqueue

import (
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// A large entry that comes slowly, or a large record that goes slowly, is no hang:
// the watchdog is given more time as long as bytes move.
func TestBytesThatMoveAreNoHang(t *testing.T) {
	t.Parallel()
	const size, rate = 3 << 20, 1 << 20
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.times.Block, r.times.IO = 500*time.Millisecond, time.Second // shorter than the transfer
	r.task("T", `echo started >>"$D/started"; `+waitForGo+`; exit 3`)
	r.start()
	redistest.WaitBlocked(t, r.server, 1)
	q := r.pool.current.queues["T"]
	// stretch is by how much the time until a loop has to be back grows while it
	// waits for one and the same thing.
	stretch := func(busyUntil func() time.Time, over func() bool) time.Duration {
		var first, last time.Time
		r.until("it went over the slow link", func() bool {
			if due := busyUntil(); !due.IsZero() {
				if first.IsZero() {
					first = due
				}
				last = due
			}
			return over()
		})
		return last.Sub(first)
	}
	p.Throttle(rate)
	r.push("T", `{"payload":"`+strings.Repeat("x", size)+`"}`)
	if d := stretch(q.fetcher.link.BusyUntil, func() bool { return r.exists("started") }); d < time.Second {
		t.Errorf("an entry that took 3 s gave the fetcher %v more", d)
	}
	r.write("go")
	if d := stretch(q.finisher.link.BusyUntil, func() bool { return len(r.failed("T")) == 1 }); d < time.Second {
		t.Errorf("a record that took 3 s gave the finisher %v more", d)
	}
	if err := r.pool.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	p.Throttle(0)
	r.ended(1)
}
