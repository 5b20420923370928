package faulttest

import (
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// Redis comes back with what it had a moment ago, as after a power failure with
// appendfsync everysec, from a snapshot, or as a replica that was promoted: run
// lists that gordon has emptied hold their entries again. They were run, and may
// run again; what must not be is that they stay there for ever, or that what is
// taken into these lists afterwards is mistaken for them.
func TestRedisComesBackWithThePast(t *testing.T) {
	t.Parallel()
	s := newPast(t)
	s.push(mid, 3)
	gordontest.Until(t, "all of the type have run", func() bool { return len(counts(s.Lines(mid))) == 4 })
	gordontest.Until(t, "all is told", s.settled)
	s.daemon.Stop()
	for n, c := range counts(s.onFailedList(mid)) {
		if c > 2 {
			t.Errorf("entry %s is on the failed list %d times", n, c)
		}
	}
	if n := len(counts(s.onFailedList(mid))); n != 4 {
		t.Errorf("%d of 4 entries are on the failed list", n)
	}
}

// newPast is a scene whose Redis has come back with an older state: a run list
// that gordon has emptied is full again.
func newPast(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, false, "--save", "3600 1000000")
	s.push(mid, 1)
	s.start()
	s.waitLines("mid.started", 1)
	s.do("SAVE")
	s.Write("mid.go", "")
	gordontest.Until(t, "it is told", s.settled)
	kill(s)
	s.daemon.Says("redis is lost")
	boot(s)
	return s
}
