package faulttest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// story is a fault of Redis. All are told in the same way: work, the fault, its
// end, and then every entry is accounted for; see tell.
type story struct {
	name string
	// args are more arguments for redis-server; proxied has gordon connect
	// through a proxy.
	args    []string
	proxied bool
	// begin brings the fault, and end returns when Redis is fit again.
	begin, end func(*scene)
	// lasts is how long the fault lasts after gordon has noticed it.
	lasts time.Duration
	// answers says that Redis answers during the fault.
	answers bool
	// states matches the changes of state that the log has in the end, status is
	// what STATUS= and the statistics say of Redis during the fault.
	states, status string
	// forgets says that Redis itself loses what was in it.
	forgets bool
}

// Bounds that hold with room to spare on a busy machine, with the race detector.
const (
	maxRecovery = 10 * time.Second
	maxCPU      = 0.1 // of one core, while the fault lasts
	maxCommands = 200 // per second, of all connections
)

// tell runs the story, in parallel to others.
func (y story) tell(t *testing.T) {
	t.Parallel()
	s := newScene(t, y.proxied, y.args...)
	y.work(s)
	y.begin(s)
	s.Write("mid.go", "")
	gordontest.Until(t, "gordon notices", func() bool { return s.states() != "" })
	s.waitLines(mid, 1)
	load := y.endure(s)
	y.end(s)
	recovery := y.recovered(s)
	t.Logf("| %s | %.0f ms | %.1f %% | %s | %s |", y.name, 1000*recovery.Seconds(), 100*load.cpu, load.commands(), s.states())
	y.account(s)
}

// work has every type at work.
func (y story) work(s *scene) {
	s.push(quick, 200)
	s.push(fails, 10)
	s.push(long, 1)
	s.push(mid, 1)
	s.push(probe, 1)
	s.start()
	s.waitLines("long.started", 1)
	s.waitLines("mid.started", 1)
	s.waitLines(probe, 1)
	s.waitLines(quick, 20)
}

// load is what gordon costs while the fault lasts.
type load struct {
	cpu  float64 // of one core
	rate float64 // commands per second; 0 where Redis does not answer
}

func (l load) commands() string { return strconv.FormatFloat(l.rate, 'f', 0, 64) + "/s" }

// endure lets the fault last, and checks that gordon says so and waits quietly.
func (y story) endure(s *scene) load {
	s.t.Helper()
	if y.status != "" {
		s.notify.Hears("; redis " + y.status)
		s.statsSay(y.status)
	}
	// Where memory is full, all that was pushed before can still be run: only who is
	// never quiet is busy with nothing.
	deadline := time.Now().Add(30 * time.Second)
	for {
		l := y.measure(s)
		if l.cpu <= maxCPU && l.rate <= maxCommands {
			return l
		}
		if time.Now().After(deadline) {
			s.t.Errorf("gordon uses %.0f %% of a core and sends %s commands while it waits", 100*l.cpu, l.commands())
			return l
		}
	}
}

// measure looks at gordon while the fault lasts.
func (y story) measure(s *scene) (l load) {
	began, cpu, commands := time.Now(), s.daemon.CPU(), 0
	if y.answers {
		commands = s.commands()
	}
	time.Sleep(y.lasts) // nothing is waited for
	elapsed := time.Since(began).Seconds()
	l.cpu = (s.daemon.CPU() - cpu).Seconds() / elapsed
	if y.answers {
		l.rate = float64(s.commands()-commands) / elapsed
	}
	return l
}

// commands is the number of commands that the server has answered, refused ones
// included.
func (s *scene) commands() (n int) {
	s.t.Helper()
	info, err := redis.String(s.do("INFO", "stats"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"total_commands_processed", "total_error_replies"} {
		_, rest, _ := strings.Cut(info, name+":")
		digits, _, _ := strings.Cut(rest, "\r")
		value, err := strconv.Atoi(digits)
		if err != nil {
			s.t.Fatalf("%s in %q: %v", name, info, err)
		}
		n += value
	}
	return n
}

// recovered returns the time until gordon does its work again, both of a type
// that waits for entries and of one that has plenty.
func (y story) recovered(s *scene) time.Duration {
	s.t.Helper()
	began := time.Now()
	probes, quicks := len(s.Lines(probe)), len(s.Lines(quick))
	s.push(probe, 1)
	s.push(quick, 20)
	gordontest.Until(s.t, "gordon works again", func() bool {
		return len(s.Lines(probe)) > probes && len(s.Lines(quick)) > quicks
	})
	took := time.Since(began)
	if took > maxRecovery {
		s.t.Errorf("back to work %v after Redis was fit again", took)
	}
	return took
}

// account ends everything and checks every number.
func (y story) account(s *scene) {
	t := s.t
	t.Helper()
	if started, done := s.Lines("long.started"), s.Lines(long); len(started) != 1 || len(done) != 0 {
		t.Errorf("the long task was disturbed: started %v, done %v", started, done)
	}
	s.daemon.Says("reconnected to redis")
	s.statsSay("ok")
	s.push(fails, 5)
	s.Write("long.go", "")
	gordontest.Until(t, "all is done and told", s.settled)
	s.daemon.Stop()
	for _, name := range []string{long, "long.started", mid, "mid.started"} {
		s.once(name, 1, s.Lines(name))
	}
	s.once("failed list of "+mid, 1, s.onFailedList(mid))
	s.once(probe, s.pushed[probe], s.Lines(probe))
	if !y.forgets {
		s.once(quick, s.pushed[quick], s.Lines(quick))
		s.once(fails, s.pushed[fails], s.Lines(fails))
		s.once("failed list of "+fails, s.pushed[fails], s.onFailedList(fails))
	} else {
		y.accountForgotten(s)
	}
	if !regexp.MustCompile("^" + y.states + "$").MatchString(s.states()) {
		t.Errorf("the log tells of %q, want %q", s.states(), y.states)
	}
	for _, key := range s.redis.Keys(t, s.QueueKey+":*") {
		if !strings.HasSuffix(key, ":failed") {
			t.Errorf("left in redis: %s", key)
		}
	}
}

// accountForgotten checks what can be checked when Redis forgot its queues: no
// entry ran twice, and all that came after the fault ran.
func (y story) accountForgotten(s *scene) {
	s.t.Helper()
	done := counts(s.Lines(quick))
	for n, c := range done {
		if c != 1 {
			s.t.Errorf("entry %s ran %d times", n, c)
		}
	}
	for n := s.pushed[quick] - 20; n < s.pushed[quick]; n++ {
		if done[strconv.Itoa(n)] != 1 {
			s.t.Errorf("entry %d came after the fault and ran %d times", n, done[strconv.Itoa(n)])
		}
	}
}
