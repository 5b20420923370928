package taskqueue

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// An entry is not to blame when this host has no descriptors left for a start: it goes
// back, although no failed list is kept, and runs when there are some again.
func TestExhaustionFailsNoEntry(t *testing.T) {
	r := newRig(t)
	r.startTimeout = 100 * time.Millisecond
	r.task("T", `echo "$GORDON_ATTEMPT" >>"$D/ran"`, func(c *config.Task) { c.OnCrash, c.Failed.TTL = config.CrashFail, 0 })
	producer := r.server.Conn(t)
	r.start()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(restore)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open)), Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if _, err := producer.Do("RPUSH", "q:T", "{}"); err != nil {
		t.Fatal(err)
	}
	r.until("the entry goes back", func() bool {
		return strings.Contains(r.log.String(), "its entry returns") && strings.Contains(r.log.String(), "too many open files")
	})
	restore()
	r.ended(1)
	if got := r.lines("ran"); len(got) != 1 || got[0] != "1" {
		t.Errorf("attempts: %v", got)
	}
	if s := r.counters.Snapshot(); s.Failed != 0 {
		t.Errorf("%d failed", s.Failed)
	}
}
