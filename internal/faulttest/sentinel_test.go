package faulttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// failovers is a gordon whose Redis is looked after by sentinels.
type failovers struct {
	*gordontest.Site
	t       *testing.T
	cluster *redistest.Cluster
	master  *redistest.Server
	daemon  *gordontest.Daemon
	pushed  int
}

// newFailovers starts a master, two replicas and three sentinels, and no gordon yet.
func newFailovers(t *testing.T) *failovers {
	t.Helper()
	f := &failovers{t: t, cluster: redistest.StartCluster(t, 2, 3), Site: gordontest.NewSite(t, binary, "")}
	f.awaitMaster(nil)
	return f
}

// sentinels is the table of the sentinels, in TOML, with more keys.
func (f *failovers) sentinels(more string) string {
	f.t.Helper()
	addresses, err := json.Marshal(f.cluster.Sentinels)
	if err != nil {
		f.t.Fatal(err)
	}
	return fmt.Sprintf("[redis.sentinel]\naddresses = %s\nmaster = %q\n%s\n", addresses, redistest.MasterName, more)
}

// Three sentinels, a master and two replicas: gordon goes over to the new master,
// after one that was asked for and after one that was needed.
func TestFailover(t *testing.T) {
	t.Parallel()
	f := newFailovers(t)
	f.Script(quick, `echo "$1" >>"$D/quick"`)
	f.Script(long, fmt.Sprintf(waits, long))
	f.Configure(f.Task(quick, 3) + f.Task(long, 1) + f.sentinels(""))
	f.daemon = f.Start()
	f.master.Push(t, "q:long", gordontest.Numbered(0))
	gordontest.Until(t, "the long task runs", func() bool { return len(f.Lines("long.started")) == 1 })
	f.work("before")

	f.fail("SENTINEL FAILOVER", func() { f.cluster.Failover(t) })
	f.fail("kill -9 of the master", func() {
		if err := f.master.Kill(); err != nil {
			t.Fatal(err)
		}
	})

	f.Write("long.go", "")
	gordontest.Until(t, "all is told", func() bool { return len(f.master.Keys(t, "q:*:run:*")) == 0 })
	gordontest.Until(t, "every connection is back", func() bool { return strings.HasSuffix(states(f.daemon), "back") })
	f.daemon.Stop()
	for _, name := range []string{"long.started", long} {
		if n := len(f.Lines(name)); n != 1 {
			t.Errorf("%s: %d times", name, n)
		}
	}
	got := counts(f.Lines(quick))
	for n := range f.pushed {
		if c := got[fmt.Sprint(n)]; c != 1 {
			t.Errorf("entry %d ran %d times", n, c)
		}
	}
	if got := states(f.daemon); got != "lost back lost back" {
		t.Errorf("the log tells of %q", got)
	}
	if keys := f.master.Keys(t, "q:*"); len(keys) != 0 {
		t.Errorf("left in redis: %v", keys)
	}
}

// fail has the master change, and measures from the moment at which the sentinels
// agree on another one.
func (f *failovers) fail(how string, do func()) {
	f.t.Helper()
	old := f.master
	began := time.Now()
	do()
	f.awaitMaster(old)
	elected := time.Since(began)
	recovery := f.work("after " + how)
	f.t.Logf("| %s | %.0f ms | new master after %.1f s |", how, 1000*recovery.Seconds(), elected.Seconds())
	if recovery > maxRecovery {
		f.t.Errorf("back to work %v after the new master was there", recovery)
	}
}

func (f *failovers) awaitMaster(old *redistest.Server) {
	f.t.Helper()
	gordontest.Until(f.t, "the sentinels agree on a master", func() bool {
		f.master = f.cluster.Master(f.t)
		return f.master != nil && f.master != old
	})
}

// work pushes entries and returns how long it took until they were done.
func (f *failovers) work(when string) time.Duration {
	f.t.Helper()
	began := time.Now()
	for range 20 {
		f.master.Push(f.t, "q:quick", gordontest.Numbered(f.pushed))
		f.pushed++
	}
	gordontest.Until(f.t, "work is done "+when, func() bool { return len(f.Lines(quick)) >= f.pushed })
	return time.Since(began)
}

// A failover that was asked for, in the middle of work. The old master lives, and
// goes on as one for about 10 s, until the sentinels tell it: what is done there in
// that time is discarded. Gordon leaves it as soon as they know of the new one, a
// second after it was made at most, so that only what ended in that second runs again;
// and nothing, where the old master was told to pause before.
func TestPlannedFailover(t *testing.T) {
	t.Parallel()
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		newFailovers(t).plan(120, func(*redistest.Server) {})
	})
	t.Run("paused before", func(t *testing.T) {
		t.Parallel()
		newFailovers(t).plan(0, func(old *redistest.Server) {
			old.Do(t, "CLIENT", "PAUSE", 10000, "WRITE")
			time.Sleep(time.Second) // as the documents say, for the replicas
		})
	})
}

// plan asks for a failover after prepare, while there is work. At most so many
// entries run again.
func (f *failovers) plan(most int, prepare func(old *redistest.Server)) {
	t := f.t
	t.Helper()
	const entries, workers = 400, 3
	f.Script(quick, `echo "$1" >>"$D/quick"; sleep 0.03`)
	f.Configure(f.Task(quick, workers) + f.sentinels(""))
	for n := range entries {
		f.master.Push(t, "q:quick", gordontest.Numbered(n))
	}
	f.daemon = f.Start()
	ran := func() int { return len(f.Lines(quick)) }
	gordontest.Until(t, "some have run", func() bool { return ran() >= 50 })
	old := f.master
	prepare(old)
	f.cluster.Failover(t)
	f.daemon.Says("the sentinels report a new master")
	before, left := ran(), time.Now()
	gordontest.Until(t, "work goes on", func() bool { return ran() > before+workers })
	pause := time.Since(left)
	f.awaitMaster(old)
	gordontest.Until(t, "all have run", func() bool { return len(counts(f.Lines(quick))) == entries })
	gordontest.Until(t, "all is told", func() bool { return len(f.master.Keys(t, "q:quick*")) == 0 })
	f.daemon.Stop()
	repeats := ran() - entries
	t.Logf("| SENTINEL FAILOVER, %s | %.0f ms | %d of %d entries ran again |", t.Name(), 1000*pause.Seconds(), repeats, entries)
	if pause > maxRecovery {
		t.Errorf("back to work %v after gordon heard of the new master", pause)
	}
	if repeats > most {
		t.Errorf("%d entries ran again", repeats)
	}
}

// The documented rights of a user for the sentinels are enough, and every one of
// them is needed.
func TestDocumentedRightsAtSentinels(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 0, 1)
	site := gordontest.NewSite(t, binary, "")
	const user, password = "gordon-sentinel", "secret-of-the-test"
	site.Write("password", password)
	if err := os.Chmod(site.File("password"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := store.NewClient(store.Options{Network: "tcp", Sentinel: store.Sentinel{
		Addresses: cluster.Sentinels, Master: redistest.MasterName,
		Login: store.Login{Username: user, PasswordFile: site.File("password")},
	}})
	listen := func() error {
		w, err := client.WatchSentinel(t.Context(), cluster.Sentinels[0], nil)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	rights := documented(t, user, password)
	cluster.AskSentinels(t, "ACL", rights...)
	if err := listen(); err != nil {
		t.Fatal(err)
	}
	// It is sent after half a minute.
	c, err := redis.Dial("tcp", cluster.Sentinels[0], redis.DialUsername(user), redis.DialPassword(password))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do("PING"); err != nil {
		t.Error(err)
	}
	for i, right := range rights {
		if name := right.(string); strings.ContainsRune("+&", rune(name[0])) && name != "+ping" {
			cluster.AskSentinels(t, "ACL", slices.Delete(slices.Clone(rights), i, i+1)...)
			if err := listen(); !errors.Is(err, &store.ReplyError{Code: "NOPERM"}) {
				t.Errorf("without %s: %v, want a NOPERM", name, err)
			}
		}
	}
}
