package faulttest

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// Connections that are slow, or end, or fall silent, all at once.
func TestConnections(t *testing.T) {
	t.Parallel()
	for _, y := range []story{
		{
			name: "cut again and again", states: "lost back",
			begin: func(s *scene) {
				s.proxy.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
				s.proxy.CutAll()
			},
			end: func(s *scene) { s.proxy.Decide(nil) },
		},
		{
			name: "vanished for the client alone", states: "lost back",
			begin: func(s *scene) {
				s.proxy.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
				s.proxy.CutClients()
			},
			end: func(s *scene) { s.proxy.Decide(nil) },
		},
		{
			name: "half-closed", states: "lost back",
			begin: func(s *scene) {
				s.proxy.Decide(func([]byte) redistest.Fault { return redistest.HalfClosed })
			},
			end: func(s *scene) { s.proxy.Decide(nil) },
		},
		{
			name: "answers take longer than 5 s", states: "lost back",
			begin: func(s *scene) { s.proxy.Delay(7 * time.Second) },
			end:   func(s *scene) { s.proxy.Delay(0) },
		},
	} {
		y.proxied, y.lasts, y.status = true, 2*time.Second, unreachable
		t.Run(y.name, y.tell)
	}
}

// An answer that takes its time is no fault.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	s.proxy.Delay(200 * time.Millisecond)
	s.start()
	s.push(quick, 12)
	s.push(fails, 5)
	s.waitLines(quick, 12)
	s.proxy.Delay(0)
	gordontest.Until(t, "all is told", s.settled)
	s.daemon.Stop()
	s.once(quick, 12, s.Lines(quick))
	s.once("failed list", 5, s.onFailedList(fails))
	if got := s.states(); got != "" {
		t.Errorf("the log tells of %q", got)
	}
}

// protocol are the commands that gordon sends, by a word of each. The last ones
// are sent after a connection was lost only.
var protocol = []string{"SETNAME", "INFO", "MULTI", "HGETALL", "BLMOVE", "EVAL", "LINDEX", "EXISTS", "LIST", "KILL"}

var faults = []struct {
	name  string
	fault redistest.Fault
}{
	{"request lost", redistest.BeforeRequest},
	{"answer lost", redistest.BeforeAnswer},
	{"request late", redistest.LateRequest},
	{"half-closed", redistest.HalfClosed},
}

// meets loses a connection at a word, the first three times that it is sent, and
// before that two others, which the server does not notice: so those words are
// sent as well that follow such a loss.
type meets struct {
	word  string
	fault redistest.Fault

	mu   sync.Mutex
	eval int
	take int
	hits int
}

func (m *meets) decide(request []byte) redistest.Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	most := 3
	if m.fault == redistest.Blackhole {
		most = 1 // each costs the time-out
	}
	if m.hits < most && bytes.Contains(request, []byte(m.word)) {
		m.hits++
		return m.fault
	}
	if bytes.Contains(request, []byte("EVAL")) {
		if m.eval++; m.eval == 5 {
			return redistest.LateRequest
		}
	}
	if bytes.Contains(request, []byte("BLMOVE")) {
		if m.take++; m.take == 2 {
			return redistest.LateRequest
		}
	}
	return redistest.None
}

func (m *meets) hit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hits > 0
}

// A connection is lost in the middle of each command of the protocol, in each
// way: every entry runs once, and every result is told once.
func TestEveryCommandIsLost(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		for _, word := range protocol {
			t.Run(f.name+" at "+word, func(t *testing.T) {
				t.Parallel()
				lose(t, word, f.fault)
			})
		}
	}
}

// So is one that falls silent: it is noticed after the time-out.
func TestEveryCommandIsSwallowed(t *testing.T) {
	t.Parallel()
	for _, word := range protocol {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			lose(t, word, redistest.Blackhole)
		})
	}
}

// A take that waits cannot be told from one that was swallowed, until its time is
// over.
func TestWaitingTakeIsSwallowed(t *testing.T) {
	t.Parallel()
	const bound = 30 * time.Second // 15 s, and as much for a busy machine
	s := newScene(t, true)
	s.Configure(s.Task(probe, 1))
	s.proxy.Decide(redistest.FailOnce("BLMOVE", 1, redistest.Blackhole))
	s.start()
	began := time.Now()
	s.push(probe, 1)
	s.waitLines(probe, 1)
	took := time.Since(began)
	t.Logf("| noticed after %.1f s |", took.Seconds())
	if took > bound {
		t.Errorf("noticed after %v", took)
	}
	gordontest.Until(t, "all is told", s.settled)
	s.daemon.Stop()
	s.once(probe, 1, s.Lines(probe))
}

// An entry that takes long to come, and its record to go, are neither a lost
// connection nor a hang: systemd hears of life all the time.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	const rate = 1 << 20 // per second
	s := newScene(t, true)
	s.Configure(s.Task(fails, 1))
	s.daemon = s.Run([]string{s.notify.Env(), "WATCHDOG_USEC=4000000"})
	s.daemon.Says("gordon is up")
	s.proxy.Throttle(rate)
	entry := `{"args":["0"],"payload":"` + strings.Repeat("x", int(slowFor.Seconds()*rate)) + `"}`
	s.redis.Push(t, "q:fails", entry)
	began := time.Now()
	for _, key := range []string{"q:fails:run:*", "q:fails:failed"} {
		for len(s.redis.Keys(t, key)) == 0 || key != "q:fails:failed" && len(s.Lines(fails)) == 0 {
			if took := time.Since(began); took > 10**slowFor+time.Minute {
				t.Fatalf("%s is not there after %v", key, took)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("| %s | %d MiB at %d MiB/s | %.1f s |", key, len(entry)>>20, rate>>20, time.Since(began).Seconds())
	}
	s.notify.Hears("WATCHDOG=1")
	s.daemon.Stop()
	if printed := s.daemon.Printed(); s.states() != "" || strings.Contains(printed, "the daemon makes no progress") {
		t.Errorf("the log tells of %q", s.states())
	}
	s.once(fails, 1, s.Lines(fails))
	s.once("failed list", 1, s.onFailedList(fails))
}

func lose(t *testing.T, word string, fault redistest.Fault) {
	s := newScene(t, true)
	m := &meets{word: word, fault: fault}
	s.proxy.Decide(m.decide)
	s.push(quick, 40)
	s.push(fails, 10)
	began := time.Now()
	s.start()
	gordontest.Until(t, "a "+word+" is met", m.hit)
	s.waitLines(quick, 40)
	gordontest.Until(t, "all is told", func() bool { return s.settled() && len(s.onFailedList(fails)) >= 10 })
	t.Logf("| %s | %.1f s | %s |", t.Name(), time.Since(began).Seconds(), s.states())
	s.proxy.DeliverLate()
	s.push(quick, 5)
	s.waitLines(quick, 45)
	s.daemon.Stop()
	s.once(quick, 45, s.Lines(quick))
	s.once(fails, 10, s.Lines(fails))
	s.once("failed list", 10, s.onFailedList(fails))
}
