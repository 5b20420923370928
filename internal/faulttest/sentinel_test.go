package faulttest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// maxDemotion bounds the time until a master that works is told that it is none
// any more. The sentinels do so when it has called itself the master in their face
// for 8 s (SENTINEL_PUBLISH_PERIOD*4 in Redis' sentinel.c); until then it takes and
// gives entries as ever.
const maxDemotion = 25 * time.Second

// failovers is a gordon whose Redis is looked after by sentinels.
type failovers struct {
	*gordontest.Site
	t       *testing.T
	cluster *redistest.Cluster
	master  *redistest.Server
	daemon  *gordontest.Daemon
	pushed  int
}

// Three sentinels, a master and two replicas: gordon goes over to the new master,
// after one that was asked for and after one that was needed.
func TestFailover(t *testing.T) {
	t.Parallel()
	f := &failovers{t: t, cluster: redistest.StartCluster(t, 2, 3)}
	addresses, err := json.Marshal(f.cluster.Sentinels)
	if err != nil {
		t.Fatal(err)
	}
	f.Site = gordontest.NewSite(t, binary, "")
	f.Script(quick, `echo "$1" >>"$D/quick"`)
	f.Script(long, fmt.Sprintf(waits, long))
	f.Configure(f.Task(quick, 3) + f.Task(long, 1) + fmt.Sprintf("[redis.sentinel]\naddresses = %s\nmaster = %q\n", addresses, redistest.MasterName))
	f.awaitMaster(nil)
	f.daemon = f.Start()
	f.master.Push(t, "q:long", gordontest.Numbered(0))
	gordontest.Until(t, "the long task runs", func() bool { return len(f.Lines("long.started")) == 1 })
	f.work("before")

	f.fail("SENTINEL FAILOVER", maxDemotion, func() { f.cluster.Failover(t) })
	f.fail("kill -9 of the master", maxRecovery, func() {
		if err := f.master.Kill(); err != nil {
			t.Fatal(err)
		}
	})

	f.Write("long.go", "")
	gordontest.Until(t, "all is told", func() bool { return len(f.master.Keys(t, "q:*:run:*")) == 0 })
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
func (f *failovers) fail(how string, most time.Duration, do func()) {
	f.t.Helper()
	old := f.master
	began := time.Now()
	do()
	f.awaitMaster(old)
	elected := time.Since(began)
	recovery := f.work("after " + how)
	f.t.Logf("| %s | %.0f ms | new master after %.1f s |", how, 1000*recovery.Seconds(), elected.Seconds())
	if recovery > most {
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
