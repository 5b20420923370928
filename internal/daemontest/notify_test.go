package daemontest

import (
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// kinds are the assignments that mark the steps of a life, in order and without
// repetitions in a row.
func kinds(n *gordontest.Notify) string {
	var kinds []string
	for _, m := range n.All() {
		for _, k := range []string{"READY=1", "RELOADING=1", "STOPPING=1"} {
			if strings.Contains(m, k) && (len(kinds) == 0 || kinds[len(kinds)-1] != k) {
				kinds = append(kinds, k)
			}
		}
	}
	return strings.Join(kinds, " ")
}

// The whole life of a unit with Type=notify.
func TestSystemdProtocol(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", stays)
	s.Configure("shutdown_timeout = \"1h\"\n" + s.Task("T", 1))
	n := gordontest.ListenNotify(t)
	d := s.Run([]string{n.Env(), "WATCHDOG_USEC=200000"})
	n.Hears("READY=1")
	n.Hears("WATCHDOG=1")
	s.server.Push(t, "q:T", gordontest.Numbered(1))
	n.Hears("STATUS=1 running, 1 type, 0 done, 0 failed; redis ok")

	d.Reload("reloaded", 1)
	s.Write("gordon.toml", "nonsense = 1")
	d.Reload("reload failed", 1)
	gordontest.Until(t, "both reloads are over", func() bool { return kinds(n) == "READY=1 RELOADING=1 READY=1 RELOADING=1 READY=1" })
	for _, m := range n.All() {
		if strings.Contains(m, "RELOADING=1") && !strings.Contains(m, "MONOTONIC_USEC=") {
			t.Errorf("a reload without its time: %q", m)
		}
	}

	d.Signal(syscall.SIGTERM)
	n.Hears("STOPPING=1")
	n.Hears("EXTEND_TIMEOUT_USEC=")
	s.Write("go", "")
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := kinds(n); !strings.HasSuffix(got, "READY=1 STOPPING=1") {
		t.Errorf("the steps were %s", got)
	}
}

// Redis being down neither trips the watchdog nor goes unsaid.
func TestWatchdogGoesOnWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.New(t)
	s := newSite(t)
	s.Redis = gordontest.Unix(redis.Socket)
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	n := gordontest.ListenNotify(t)
	s.Run([]string{n.Env(), "WATCHDOG_USEC=100000"})
	n.Hears("READY=1")
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	n.Hears("redis not reachable")
	seen := len(n.All())
	gordontest.Until(t, "ten more signs of life", func() bool {
		alive := 0
		for _, m := range n.All()[seen:] {
			if strings.Contains(m, "WATCHDOG=1") {
				alive++
			}
		}
		return alive >= 10
	})
}
