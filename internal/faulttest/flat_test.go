package faulttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// Many tasks later gordon has no more descriptors open and no more children than
// before, and hardly more memory. -fault.tasks=1000000 is a day in fast motion.
func TestNothingPilesUp(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	s := gordontest.NewSite(t, binary, gordontest.Unix(server.Socket))
	s.Script(fails, "exit 3")
	s.Configure("[tasks.quick]\nscript = \"/bin/true\"\nworkers = 4\n" + s.Task(fails, 2))
	d := s.Start()
	// What is allocated once for good is allocated by then.
	runTasks(t, server, 500)
	fds, rss := d.FDs(), d.RSS()
	began := time.Now()
	runTasks(t, server, *tasks)
	took := time.Since(began)
	t.Logf("| %d tasks | %.0f/s | descriptors %d → %d | RSS %.1f → %.1f MiB |", *tasks, float64(*tasks)/took.Seconds(),
		fds, d.FDs(), float64(rss)/(1<<20), float64(d.RSS())/(1<<20))
	gordontest.Until(t, "no children are left", func() bool { return len(d.Children()) == 0 })
	gordontest.Until(t, fmt.Sprintf("no more descriptors are open than the %d after the first tasks", fds), func() bool { return d.FDs() <= fds })
	if got := d.RSS(); got > rss+rss/2 {
		t.Errorf("%d bytes are resident, %d were after the first tasks", got, rss)
	}
	d.Stop()
}

// runTasks has n tasks run, every tenth of which fails, and returns when Redis
// knows that all have ended.
func runTasks(t *testing.T, s *redistest.Server, n int) {
	t.Helper()
	const batch = 1000
	c := s.Conn(t)
	for pushed := 0; pushed < n; {
		for range min(batch, n-pushed) {
			list := "q:quick"
			if pushed%10 == 0 {
				list = "q:fails"
			}
			if err := c.Send("RPUSH", list, gordontest.Numbered(pushed)); err != nil {
				t.Fatal(err)
			}
			pushed++
		}
		if _, err := c.Do(""); err != nil {
			t.Fatal(err)
		}
		// The rest of a batch keeps gordon busy meanwhile.
		most := 100
		if pushed == n {
			most = 0
		}
		for {
			left, err := redis.Int(c.Do("LLEN", "q:quick"))
			if err != nil {
				t.Fatal(err)
			}
			if left <= most {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	gordontest.Until(t, "all have ended", func() bool {
		return len(s.Keys(t, "q:*:run:*"))+len(s.Keys(t, "q:quick"))+len(s.Keys(t, "q:fails")) == 0
	})
}
