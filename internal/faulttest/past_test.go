package faulttest

import (
	"fmt"
	"strconv"
	"strings"
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

// In an older state, a run that has ended still runs. Where it must not run twice, it
// is not run again without a word: it is on the failed list, with the reason.
func TestThePastOfWhatMustNotRunTwice(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"found by a take": false, "found by a result": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, false, "--save", "3600 1000000")
			s.Script("pay", `echo "$1" >>"$D/pay.started"; while ! [ -e "$D/pay.$1" ]; do sleep 0.05; done`)
			s.Script("told", `grep -c 'older state' "$1" >>"$D/told"`)
			s.Configure(fmt.Sprintf("error_script = %q\n", s.File("told.sh")) + s.Task("pay", 1) + "on_crash = \"fail\"\n")
			s.start()
			s.push("pay", 1)
			s.waitLines("pay.started", 1)
			s.do("SAVE") // entry 0 runs
			s.push("pay", 1)
			s.Write("pay.0", "")
			s.waitLines("pay.started", 2) // in the slot's other list
			if !running {
				s.Write("pay.1", "")
				gordontest.Until(t, "it is told", s.settled)
			}
			kill(s)
			s.daemon.Says("lost connection to redis")
			boot(s)
			s.Write("pay.1", "")
			gordontest.Until(t, "it is on the failed list", func() bool { return len(s.onFailedList("pay")) == 1 })
			gordontest.Until(t, "all is told", s.settled)
			s.daemon.Stop()
			record := s.redis.List(t, "q:pay:failed")[0]
			if !strings.Contains(record, `"outcome":"crashed"`) || !strings.Contains(record, "redis was restored to an older state") {
				t.Errorf("record %s", record)
			}
			s.once("runs", s.pushed["pay"], s.Lines("pay.started"))
			if got := s.Lines("told"); len(got) != 1 || got[0] != "1" {
				t.Errorf("the error_script was told %v", got)
			}
		})
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
	s.daemon.Says("lost connection to redis")
	boot(s)
	return s
}

// Four tasks have failed and are put off, and Redis returns to the moment before: their
// entries are in run lists of slots that are free, in either list of them. Nothing is
// pushed that would have the slots used again.
func TestWhatThePastLeavesInRunListsIsTakenUp(t *testing.T) {
	t.Parallel()
	for name, earlier := range map[string]int{"the first list of a slot": 0, "the second list": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, false, "--save", "3600 1000000")
			s.Script("put", `echo "$1" >>"$D/put.started"; while ! [ -e "$D/put.go" ] && [ "$1" -ge `+strconv.Itoa(earlier)+` ]; do sleep 0.05; done; exit 3`)
			s.Configure(s.Task("put", 4) + "max_attempts = 2\nretry_delay = \"1h\"\n")
			s.start()
			for n := range earlier {
				s.push("put", 1)
				s.waitLines("put.started", n+1)
			}
			gordontest.Until(t, "what came earlier is put off", func() bool { return len(s.redis.Keys(t, "q:put:run:*")) == 0 })
			s.push("put", 4)
			s.waitLines("put.started", earlier+4)
			s.do("SAVE")
			s.Write("put.go", "")
			gordontest.Until(t, "all are put off", func() bool { return len(s.redis.Keys(t, "q:put:run:*")) == 0 })
			kill(s)
			s.daemon.Says("lost connection to redis")
			boot(s)
			gordontest.Until(t, "all have run again", func() bool {
				again := counts(s.Lines("put.started"))
				for n := earlier; n < earlier+4; n++ {
					if again[strconv.Itoa(n)] < 2 {
						return false
					}
				}
				return true
			})
			s.daemon.Stop()
			if left := s.redis.Keys(t, "q:put:run:*"); len(left) > 0 {
				t.Errorf("left in run lists: %q", left)
			}
		})
	}
}

// The same, for a type whose entries must not run twice, and for one that is not served
// when Redis comes back.
func TestWhatThePastLeavesIsNotRunAgainstItsWill(t *testing.T) {
	t.Parallel()
	s := newScene(t, false, "--save", "3600 1000000")
	const body = `echo "$1" >>"$D/%[1]s.started"; while ! [ -e "$D/go" ]; do sleep 0.05; done; exit 3`
	s.Script("once", fmt.Sprintf(body, "once"))
	s.Script("gone", fmt.Sprintf(body, "gone"))
	once := s.Task("once", 2) + "on_crash = \"fail\"\n"
	s.Configure(once + s.Task("gone", 1))
	s.start()
	s.push("once", 2)
	s.push("gone", 1)
	s.waitLines("once.started", 2)
	s.waitLines("gone.started", 1)
	s.do("SAVE")
	s.Write("go", "")
	gordontest.Until(t, "all have failed", func() bool { return len(s.redis.Keys(t, "q:*:run:*")) == 0 })
	s.Configure(once)
	s.daemon.Reload("reloaded", 1)
	kill(s)
	s.daemon.Says("lost connection to redis")
	boot(s)
	gordontest.Until(t, "what must not run twice is on its failed list", func() bool { return len(s.onFailedList("once")) == 2 })
	s.daemon.Says("entries of a removed type")
	s.Configure(once + s.Task("gone", 1))
	s.daemon.Reload("reloaded", 2)
	s.waitLines("gone.started", 2)
	gordontest.Until(t, "it is told", s.settled)
	if n := len(s.Lines("once.started")); n != 2 {
		t.Errorf("%d starts of two entries that must not run twice", n)
	}
	s.daemon.Stop()
}
