package daemontest

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// stays notes its start and runs until the file go is there.
const stays = `echo "$1" >>"$D/started"; while ! [ -e "$D/go" ]; do sleep 0.02; done; echo "$1" >>"$D/done"`

// Issue: kill -9 the daemon while 8 tasks run, start it again on the same
// machine: all 8 run again, at once, and nothing else is disturbed.
func TestKillNineWhileEightTasksRun(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", stays)
	s.script("other.sh", `while ! [ -e "$D/never" ]; do sleep 0.02; done`)
	s.configure(s.task("T", 8))
	for n := range 12 {
		server.Push(t, "q:T", numbered(n))
	}
	first := s.start()
	until(t, "eight run", func() bool { return len(s.lines("started")) == 8 })

	// Another daemon on this machine, with another configuration.
	neighbour := newNeighbour(t)
	first.signal(syscall.SIGKILL)
	<-first.gone

	second := s.start()
	until(t, "eight run again", func() bool { return len(s.lines("started")) == 16 })
	second.says("entries of a dead instance go back to the head of their queue")
	if !strings.Contains(second.out.String(), "entries=8") {
		t.Error("the log does not say that 8 entries were recovered")
	}
	again := s.lines("started")[8:]
	slices.Sort(again)
	if got := strings.Join(again, " "); got != "0 1 2 3 4 5 6 7" {
		t.Errorf("ran again: %s", got)
	}
	s.write("go", "")
	until(t, "all are done", func() bool { return len(s.lines("done")) >= 12 && len(server.Keys(t, "q:T*")) == 0 })
	if done := s.lines("done"); len(done) != 12 {
		t.Errorf("%d were done, want 12: the first runs were not ended before the second: %v", len(done), done)
	}
	neighbour.isUndisturbed()
	second.signal(syscall.SIGTERM)
	if code := second.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// neighbour is another gordon on the same machine and Redis.
type neighbour struct {
	*site
	d *daemon
}

func newNeighbour(t *testing.T) *neighbour {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), socket: server.Socket}
	s.script("N.sh", stays)
	s.configure(s.task("N", 2))
	server.Push(t, "q:N", numbered(1), numbered(2))
	n := &neighbour{s, s.start()}
	until(t, "the neighbour's tasks run", func() bool { return len(s.lines("started")) == 2 })
	return n
}

func (n *neighbour) isUndisturbed() {
	n.t.Helper()
	n.write("go", "")
	until(n.t, "the neighbour's tasks end", func() bool { return len(n.lines("done")) == 2 && len(server.Keys(n.t, "q:N*")) == 0 })
	if started := n.lines("started"); len(started) != 2 {
		n.t.Errorf("the neighbour ran %d, want 2", len(started))
	}
	n.d.signal(syscall.SIGTERM)
	if code := n.d.exit(); code != 0 {
		n.t.Errorf("the neighbour's exit code is %d", code)
	}
}

// Issue: Redis stopped and started in the middle of a burst: every entry has
// run (Redis with AOF).
func TestRedisRestartsInTheMiddleOfABurst(t *testing.T) {
	for name, stop := range map[string]func(*redistest.Server) error{
		"shutdown": (*redistest.Server).Shutdown,
		"kill -9":  (*redistest.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			redis, err := redistest.Start("--appendonly", "yes", "--appendfsync", "always")
			if err != nil {
				t.Fatal(err)
			}
			defer redis.Close()
			s := &site{t: t, dir: t.TempDir(), socket: redis.Socket}
			s.script("T.sh", `echo "$1" >>"$D/done"`)
			s.configure(s.task("T", 4))
			d := s.start()
			const entries = 300
			for n := range entries {
				redis.Push(t, "q:T", numbered(n))
				if n == entries/2 {
					if err := stop(redis); err != nil {
						t.Fatal(err)
					}
					d.says("redis is lost")
					if err := redis.Boot(); err != nil {
						t.Fatal(err)
					}
				}
			}
			until(t, "all are done and told", func() bool { return len(s.lines("done")) >= entries && len(redis.Keys(t, "q:T*")) == 0 })
			d.says("redis is back")
			counts := make(map[string]int)
			for _, n := range s.lines("done") {
				counts[n]++
			}
			for n := range entries {
				if c := counts[fmt.Sprint(n)]; c != 1 {
					t.Errorf("entry %d ran %d times", n, c)
				}
			}
		})
	}
}

// A result that could not be told is kept: the task does not run again.
func TestTaskThatEndsWhileRedisIsDownRunsOnce(t *testing.T) {
	redis, err := redistest.Start("--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	s := &site{t: t, dir: t.TempDir(), socket: redis.Socket}
	s.script("T.sh", stays+"; exit 3")
	s.configure(s.task("T", 2))
	redis.Push(t, "q:T", numbered(1), numbered(2))
	d := s.start()
	until(t, "both run", func() bool { return len(s.lines("started")) == 2 })
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	s.write("go", "")
	until(t, "both ended", func() bool { return strings.Count(d.out.String(), "task failed") == 2 })
	if err := redis.Boot(); err != nil {
		t.Fatal(err)
	}
	until(t, "both are on the failed list", func() bool { return len(redis.List(t, "q:T:failed")) == 2 && len(redis.Keys(t, "q:T:run:*")) == 0 })
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if started := s.lines("started"); len(started) != 2 {
		t.Errorf("started %v", started)
	}
	if left := leftInRedis(t, redis); len(left) != 1 {
		t.Errorf("left in redis: %v", left)
	}
}
