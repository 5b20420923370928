package fleettest

import (
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// onDuty returns the hosts on duty for the entries for later, the first one first.
func (f *fleet) onDuty() (hosts []string) {
	f.t.Helper()
	ids, err := redis.Strings(f.redis.Do(f.t, "SMEMBERS", "q:instances:duty"), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		hosts = append(hosts, id[:1])
	}
	return hosts
}

// late adds an entry that is due soon, and returns how late it is in its queue.
func (f *fleet) late() time.Duration {
	f.t.Helper()
	due := time.Now().Add(300 * time.Millisecond)
	f.redis.Do(f.t, "ZADD", "q:job:delayed", due.UnixMilli(), "{}")
	if f.redis.Do(f.t, "BLPOP", "q:job", 60) == nil {
		f.t.Fatal("no entry within a minute")
	}
	return time.Since(due)
}

// Entries for later come in time when the first host on duty stands still or has no
// power, and then the second; and others are on duty when both count as dead.
func TestEntriesForLaterComeInTimeThoughHostsAreLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 5, ":", "")
	// The hosts take no entries, as one that stands still takes one without running it.
	f.redis.Do(t, "SADD", "q:paused", "job")
	f.start(f.nodes...)
	before := f.onDuty()
	if len(before) != 3 {
		t.Fatalf("on duty are %q", before)
	}
	for i, lose := range []func(*node){func(n *node) { n.Freeze() }, func(n *node) { n.PowerOff() }} {
		lose(f.nodes[before[i][0]-'a'])
		// Within 10 ms on an idle machine.
		if late := f.late(); late > time.Second {
			t.Errorf("%v late without %q", late, before[:i+1])
		} else {
			t.Logf("%v late without %q", late, before[:i+1])
		}
	}
	gordontest.Until(t, "three that live are on duty", func() bool {
		now := f.onDuty()
		return len(now) == 3 && !slices.Contains(now, before[0]) && !slices.Contains(now, before[1])
	})
	if late := f.late(); late > time.Second {
		t.Errorf("%v late in the end", late)
	}
	f.nodes[before[0][0]-'a'].Thaw()
}
