package fleettest

import (
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// A host that was suspended, or stopped by its hypervisor, goes on without knowing of
// the time: what it had run was taken over meanwhile.
func TestAFrozenHostLearnsOfATakeover(t *testing.T) {
	t.Parallel()
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		f := frozen(t, `on_lease_loss = "stop"`)
		f.nodes[0].daemon.Says("task stopped: another host took over its entry")
		f.write("go")
		f.until("ended", "b")
		f.settle()
	})
	t.Run("continue", func(t *testing.T) {
		t.Parallel()
		f := frozen(t, `on_lease_loss = "continue"`)
		f.nodes[0].daemon.Says("another host took over the entry of a running task")
		f.write("go")
		gordontest.Until(t, "both have ended", func() bool { return len(f.lines("ended")) == 2 })
		f.settle()
	})
}

// An entry that must not run twice is on the failed list once the host that runs it is
// taken for dead. When the host goes on, it must not tell of that entry a second time.
func TestAFrozenHostTellsNothingOfAnEntryThatFailed(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"stop", "continue"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 2, waits+"; exit 3", "on_crash = \"fail\"\non_lease_loss = \""+policy+"\"\n")
			a, b := f.nodes[0], f.nodes[1]
			f.start(a)
			f.redis.Push(t, "q:job", "{}")
			f.until("started", "a")
			f.start(b)
			a.Freeze()
			records := func() []string { return f.redis.List(t, "q:job:failed") }
			gordontest.Until(t, "the entry is on the failed list", func() bool { return len(records()) == 1 })
			a.Thaw()
			a.daemon.Says("another host took")
			f.write("go")
			a.daemon.Stop()
			if got := records(); len(got) != 1 {
				t.Errorf("%d records: %q", len(got), got)
			}
			if n := len(f.lines("started")); n != 1 {
				t.Errorf("started %d times", n)
			}
		})
	}
}

// runsOnFirst has the first host, a, run a task, and then starts the others.
func (f *fleet) runsOnFirst() {
	f.t.Helper()
	f.start(f.nodes[0])
	f.redis.Push(f.t, "q:job", "{}")
	f.until("started", "a")
	f.start(f.nodes[1:]...)
}

// frozen has host a stand still until host b has taken over its task.
func frozen(t *testing.T, config string) *fleet {
	t.Helper()
	f := newFleet(t, 2, waits, config+"\n")
	a := f.nodes[0]
	f.runsOnFirst()
	a.Freeze()
	f.until("started", "a", "b")
	a.Thaw()
	return f
}

// settle waits until nothing is left of the entries, and checks that none failed.
func (f *fleet) settle() {
	f.t.Helper()
	gordontest.Until(f.t, "nothing is queued or runs", func() bool {
		return len(f.redis.Keys(f.t, "q:job")) == 0 && len(f.redis.Keys(f.t, "q:job:run:*")) == 0
	})
	if failed := f.redis.List(f.t, "q:job:failed"); len(failed) > 0 {
		f.t.Errorf("failed: %q", failed)
	}
}

// Leases may vanish, as when the clock of Redis jumps. All hosts look at once; the first
// one that does closes the connections, and the others find none.
func TestALivingHostIsNotTakenForDead(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4, waits, "")
	a := f.nodes[0]
	f.runsOnFirst()
	lease := strings.TrimSuffix(f.redis.Keys(t, "q:job:run:*")[0], ":1")
	lease = "q:instance:" + lease[strings.LastIndex(lease, ":")+1:]
	// a cannot come back at once, which is what the time is for.
	gordontest.Until(t, "one of the others suspects a", func() bool {
		f.redis.Do(t, "DEL", lease)
		for _, n := range f.nodes[1:] {
			if strings.Contains(n.daemon.Printed(), "still had connections") {
				return true
			}
		}
		return false
	})
	a.Partition()
	time.Sleep(700 * time.Millisecond) // the others look every second
	a.Cut()
	a.Heal()
	gordontest.Until(t, "a has its lease again", func() bool { return len(f.redis.Keys(t, lease)) == 1 })
	f.write("go")
	f.until("ended", "a")
	f.settle()
	if started := f.lines("started"); len(started) != 1 {
		t.Errorf("started on %q", started)
	}
}

// Redis closes connections that rest for a second: the age of one must not decide. The
// host has no power, so that Redis is not told.
func TestAHostWithoutPowerIsRecoveredThoughRedisClosesIdleConnections(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, waits, "", "--timeout", "1")
	a, b := f.nodes[0], f.nodes[1]
	f.runsOnFirst()
	a.PowerOff()
	f.until("started", "a", "b")
	f.write("go")
	f.until("ended", "b")
	f.settle()
	if strings.Contains(b.daemon.Printed(), "lost connection to redis") {
		t.Error("that idle connections are closed is told as a loss of redis")
	}
}
