package daemontest

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// stays notes its start and runs until the file go is there.
const stays = `echo "$1" >>"$D/started"; while ! [ -e "$D/go" ]; do sleep 0.05; done; echo "$1" >>"$D/done"`

// Issue: kill -9 the daemon while 8 tasks run, start it again on the same
// machine: all 8 run again, at once, and nothing else is disturbed.
func TestKillNineWhileEightTasksRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", stays)
	s.Script("other", `while ! [ -e "$D/never" ]; do sleep 0.05; done`)
	s.Configure(s.Task("T", 8))
	for n := range 12 {
		s.server.Push(t, "q:T", gordontest.Numbered(n))
	}
	first := s.Start()
	gordontest.Until(t, "eight run", func() bool { return len(s.Lines("started")) == 8 })

	// Another daemon on this machine, with another configuration.
	neighbour := newNeighbour(t, s.server)
	first.Signal(syscall.SIGKILL)
	<-first.Gone

	second := s.Start()
	gordontest.Until(t, "eight run again", func() bool { return len(s.Lines("started")) == 16 })
	second.Says("requeued the entries of a dead instance")
	if !strings.Contains(second.Printed(), "entries=8") {
		t.Error("the log does not say that 8 entries were recovered")
	}
	again := s.Lines("started")[8:]
	slices.Sort(again)
	if got := strings.Join(again, " "); got != "0 1 2 3 4 5 6 7" {
		t.Errorf("ran again: %s", got)
	}
	s.Write("go", "")
	gordontest.Until(t, "all are done", func() bool { return len(s.Lines("done")) >= 12 && len(s.server.Keys(t, "q:T*")) == 0 })
	if done := s.Lines("done"); len(done) != 12 {
		t.Errorf("%d were done, want 12: the first runs were not ended before the second: %v", len(done), done)
	}
	neighbour.isUndisturbed()
	second.Signal(syscall.SIGTERM)
	if code := second.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// neighbour is another gordon on the same machine and Redis.
type neighbour struct {
	*site
	d *gordontest.Daemon
}

func newNeighbour(t *testing.T, server *redistest.Server) *neighbour {
	t.Helper()
	s := &site{gordontest.NewSite(t, binary, gordontest.Unix(server.Socket)), server}
	s.Script("N", stays)
	s.Configure(s.Task("N", 2))
	server.Push(t, "q:N", gordontest.Numbered(1), gordontest.Numbered(2))
	n := &neighbour{s, s.Start()}
	gordontest.Until(t, "the neighbour's tasks run", func() bool { return len(s.Lines("started")) == 2 })
	return n
}

func (n *neighbour) isUndisturbed() {
	n.T.Helper()
	n.Write("go", "")
	gordontest.Until(n.T, "the neighbour's tasks end", func() bool { return len(n.Lines("done")) == 2 && len(n.server.Keys(n.T, "q:N*")) == 0 })
	if started := n.Lines("started"); len(started) != 2 {
		n.T.Errorf("the neighbour ran %d, want 2", len(started))
	}
	n.d.Signal(syscall.SIGTERM)
	if code := n.d.Exit(); code != 0 {
		n.T.Errorf("the neighbour's exit code is %d", code)
	}
}

// Issue: Redis stopped and started in the middle of a burst: every entry has
// run (Redis with AOF).
func TestRedisRestartsInTheMiddleOfABurst(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*redistest.Server) error{
		"shutdown": (*redistest.Server).Shutdown,
		"kill -9":  (*redistest.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, err := redistest.Start("--appendonly", "yes", "--appendfsync", "always")
			if err != nil {
				t.Fatal(err)
			}
			defer redis.Close()
			s := gordontest.NewSite(t, binary, gordontest.Unix(redis.Socket))
			s.Script("T", `echo "$1" >>"$D/done"`)
			s.Configure(s.Task("T", 4))
			d := s.Start()
			const entries = 300
			for n := range entries {
				redis.Push(t, "q:T", gordontest.Numbered(n))
				if n == entries/2 {
					if err := stop(redis); err != nil {
						t.Fatal(err)
					}
					d.Says("lost connection to redis")
					if err := redis.Boot(); err != nil {
						t.Fatal(err)
					}
				}
			}
			gordontest.Until(t, "all are done and told", func() bool { return len(s.Lines("done")) >= entries && len(redis.Keys(t, "q:T*")) == 0 })
			d.Says("reconnected to redis")
			counts := make(map[string]int)
			for _, n := range s.Lines("done") {
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
	t.Parallel()
	redis, err := redistest.Start("--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	s := gordontest.NewSite(t, binary, gordontest.Unix(redis.Socket))
	s.Script("T", stays+"; exit 3")
	s.Configure(s.Task("T", 2))
	redis.Push(t, "q:T", gordontest.Numbered(1), gordontest.Numbered(2))
	d := s.Start()
	gordontest.Until(t, "both run", func() bool { return len(s.Lines("started")) == 2 })
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Write("go", "")
	gordontest.Until(t, "both ended", func() bool { return strings.Count(d.Printed(), "task failed") == 2 })
	if err := redis.Boot(); err != nil {
		t.Fatal(err)
	}
	gordontest.Until(t, "both are on the failed list", func() bool { return len(redis.List(t, "q:T:failed")) == 2 && len(redis.Keys(t, "q:T:run:*")) == 0 })
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if started := s.Lines("started"); len(started) != 2 {
		t.Errorf("started %v", started)
	}
	if left := leftInRedis(t, redis); len(left) != 1 {
		t.Errorf("left in redis: %v", left)
	}
}
