package taskqueue

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

// noteStart notes that a task starts; see rig.starts.
const noteStart = `echo "$GORDON_TASK_ID" >>"$D/starts"; `

// starts returns the types of the tasks that noted their start, in the order in
// which gordon started them. Their own order is that of the system's scheduler.
func (r *rig) starts() []string {
	r.t.Helper()
	number := func(id string) int {
		n, err := strconv.Atoi(id[strings.LastIndex(id, ".")+1:])
		if err != nil {
			r.t.Fatal(err)
		}
		return n
	}
	ids := r.lines("starts")
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	for i, id := range ids {
		ids[i] = strings.Split(id, ".")[1]
	}
	return ids
}

func priority(n int) func(*config.Task) { return func(t *config.Task) { t.Priority = n } }

func weight(n int) func(*config.Task) { return func(t *config.Task) { t.Weight = n } }

// fill pushes n entries.
func (r *rig) fill(taskType string, n int) {
	r.push(taskType, slices.Repeat([]string{"{}"}, n)...)
}

// permitted is how many permits are held.
func (r *rig) permitted() int {
	held, _ := r.pool.permits.Used()
	return held
}

// requesting is how many queues request permits.
func (r *rig) requesting() int {
	_, waiting := r.pool.permits.Used()
	return waiting
}

func count(list []string, s string) (n int) {
	for _, item := range list {
		if item == s {
			n++
		}
	}
	return n
}

// Of all tasks that start while all types have entries, each type has its share;
// the bound holds, and no permit is left to be filled.
func TestWeightsShareMaxRunning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const body = `: >"$D/run.$$"; ls "$D" | grep -c '^run\.' >>"$D/seen"; ` + noteStart + `rm "$D/run.$$"`
	r.config.MaxRunning = 2
	r.task("a", body, workers(2), weight(10))
	r.task("b", body, workers(2), weight(20))
	r.task("c", body, workers(2), weight(40))
	r.fill("a", 30)
	r.fill("b", 45)
	r.fill("c", 75)
	r.start()
	r.ended(150)
	first := r.starts()[:70]
	for name, want := range map[string]int{"a": 10, "b": 20, "c": 40} {
		if n := count(first, name); n < want-2 || n > want+2 {
			t.Errorf("%d of the first 70 tasks are of type %s, want %d: %s", n, name, want, strings.Join(first, ""))
		}
	}
	for _, n := range r.lines("seen") {
		if n != "1" && n != "2" {
			t.Fatalf("%s tasks run at once", n)
		}
	}
	r.until("all permits are free", func() bool { return r.permitted() == 0 })
}

// From the very start on, nothing of a low priority starts while a higher one has
// entries.
func TestPriorityIsStrict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("A-low", noteStart, workers(4), priority(-1), weight(10000))
	r.task("B-mid", noteStart, workers(2))
	r.task("C-high", noteStart, workers(3), priority(1), weight(1))
	r.fill("A-low", 10)
	r.fill("B-mid", 10)
	r.fill("C-high", 10)
	r.start()
	r.ended(30)
	want := slices.Concat(slices.Repeat([]string{"C-high"}, 10), slices.Repeat([]string{"B-mid"}, 10), slices.Repeat([]string{"A-low"}, 10))
	if diff := gocmp.Diff(want, r.starts()); diff != "" {
		t.Error(diff)
	}
}

// With several permits, too: all but those on their way when the queue is empty.
func TestPriorityIsStrictWithManyPermits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 3
	r.task("A-low", noteStart, workers(4), priority(-1))
	r.task("B-high", noteStart, workers(3))
	r.fill("A-low", 10)
	r.fill("B-high", 20)
	r.start()
	r.ended(30)
	if n := slices.Index(r.starts(), "A-low"); n < 18 {
		t.Errorf("the first of the low priority started after %d of 20: %v", n, r.starts())
	}
}

// Types that wait for entries take no permit. An entry that comes while all permits
// are taken stays in its queue, where another host may take it, and is the next.
func TestEntriesWaitForAPermitInTheirQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("low", noteStart+`while ! [ -e "$D/go" ]; do sleep 0.05; done`, workers(2))
	r.task("high", noteStart, workers(2), priority(100))
	r.task("idle", "", priority(100))
	r.start()
	redistest.WaitBlocked(t, r.server, 3)
	r.fill("low", 3)
	r.until("the one permit is taken", func() bool { return len(r.starts()) == 1 })
	high := []string{`{"args":["1"]}`, `{"args":["2"]}`, `{"args":["3"]}`}
	r.push("high", high...)
	// One of each was taken by the fetcher, and goes back; from then on both claim.
	r.until("the entries are in their queues, and but that of the task that runs in no run list", func() bool {
		return r.requesting() == 2 && slices.Equal(r.server.List(t, "q:high"), high) && len(r.server.List(t, "q:low")) == 2 && r.inRunLists() == 1
	})
	r.write("go")
	r.ended(6)
	if diff := gocmp.Diff([]string{"low", "high", "high", "high", "low", "low"}, r.starts()); diff != "" {
		t.Error(diff)
	}
}

// An entry that goes back, because there is no permit, stays before those behind it.
func TestNoEntryOvertakesOneThatGoesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.config.MaxRunning = 1
	r.task("low", `touch "$D/started"; while ! [ -e "$D/go" ]; do sleep 0.05; done`)
	r.task("high", `echo "$1" >>"$D/seen"`, workers(2), priority(1))
	r.start()
	redistest.WaitBlocked(t, r.server, 2)
	r.push("low", "{}")
	r.until("the one permit is taken", func() bool { return r.exists("started") })
	p.Decide(func(request []byte) redistest.Fault {
		if bytes.Contains(request, []byte("EVAL")) {
			return redistest.BeforeRequest
		}
		return redistest.None
	})
	r.push("high", `{"args":["1"]}`, `{"args":["2"]}`)
	r.until("the first is taken", func() bool { return len(r.server.List(t, "q:high")) == 1 })
	r.write("go")
	r.until("low has ended", func() bool { return r.counters.Snapshot().Done == 1 })
	p.Decide(nil)
	r.ended(3)
	if diff := gocmp.Diff([]string{"1", "2"}, r.lines("seen")); diff != "" {
		t.Error(diff)
	}
}

// A stop leaves what waits for a permit as it is.
func TestStopWhileEntriesWaitForAPermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("T", waitForGo, workers(3))
	r.task("U", waitForGo)
	r.push("T", `{"args":["1"]}`, `{"args":["2"]}`)
	r.start()
	r.until("one runs", func() bool { return r.running() == 1 })
	r.push("U", `{"args":["3"]}`, `{"args":["4"]}`)
	r.pool.Abort()
	<-r.pool.Over()
	want := map[string][]string{"q:T": {`{"args":["1"]}`, `{"args":["2"]}`}, "q:U": {`{"args":["3"]}`, `{"args":["4"]}`}}
	got := make(map[string][]string)
	for _, key := range r.server.Keys(t, "*") {
		got[key] = r.server.List(t, key)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A type whose results Redis refuses is in trouble alone: the permit is free.
func TestRefusedResultTakesNoPermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("T", noteStart+"exit 1")
	r.task("U", noteStart, priority(-1))
	r.server.Do(t, "SET", "q:T:failed", "not a list")
	r.fill("T", 2)
	r.fill("U", 3)
	r.start()
	r.until("another type runs", func() bool { return count(r.starts(), "U") == 3 })
	r.server.Do(t, "DEL", "q:T:failed")
	r.ended(5)
}

// So is one whose queue is no list.
func TestRefusedTakeTakesNoPermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("T", noteStart, priority(1))
	r.task("U", noteStart)
	r.server.Do(t, "SET", "q:T", "not a list")
	r.fill("U", 3)
	r.start()
	r.ended(3)
	r.server.Do(t, "DEL", "q:T")
	r.fill("T", 2)
	r.ended(5)
}

func TestReloadOfMaxRunning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", waitForGo, workers(3))
	r.task("U", waitForGo, workers(3))
	r.config.MaxRunning = 1
	r.fill("T", 4)
	r.fill("U", 4)
	r.start()
	for _, most := range []int{1, 4, 0} {
		r.config.MaxRunning = most
		r.reload()
		want := cmp.Or(most, 6)
		r.until(fmt.Sprintf("%d run with max_running = %d", want, most), func() bool { return r.running() == want })
	}
	// Six run: until five of them have ended, nothing starts, and then what has the
	// new priority.
	r.config.MaxRunning = 2
	r.task("T", noteStart+`ls "$D" | grep -c '^run\.' >>"$D/seen"`, workers(4))
	r.task("U", noteStart+`ls "$D" | grep -c '^run\.' >>"$D/seen"`, workers(4), priority(1))
	r.reload()
	r.until("both types want a permit", func() bool { return r.requesting() == 2 })
	r.write("go")
	r.ended(8)
	if diff := gocmp.Diff([]string{"U", "T"}, r.starts()); diff != "" {
		t.Error(diff)
	}
	for _, n := range r.lines("seen") {
		if n != "0" && n != "1" {
			t.Errorf("a task started beside %s others, with max_running = 2", n)
		}
	}
}

// The bound holds over both engines while the tasks of the old one end.
func TestMaxRunningHoldsAcrossARedisMove(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.MaxRunning = 1
	r.task("T", waitForGo)
	r.task("U", noteStart+`ls "$D" | grep -c '^run\.' >>"$D/seen"`)
	r.fill("T", 1)
	r.start()
	r.until("it runs", func() bool { return r.running() == 1 })
	r.config.QueueKey = "p"
	r.server.Push(t, "p:U", "{}", "{}")
	r.reload()
	// Of T, the one worker still runs.
	r.until("U wants the permit", func() bool { return r.requesting() == 1 })
	r.write("go")
	r.ended(3)
	if diff := gocmp.Diff([]string{"0", "0"}, r.lines("seen")); diff != "" {
		t.Errorf("others that ran beside a task of the new Redis: %s", diff)
	}
}

// The permit of a task that has ended is free for those of another Redis, though
// its own does not answer.
func TestARedisThatIsGoneKeepsNoPermit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.config.MaxRunning = 1
	r.task("T", waitForGo)
	r.fill("T", 1)
	r.start()
	r.until("it runs", func() bool { return r.running() == 1 })
	p.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
	p.CutAll()
	r.write("go")
	r.until("it has ended", func() bool { return r.counters.Snapshot().Done == 1 })
	r.config.RedisAddress, r.config.QueueKey = r.server.Socket, "p"
	r.task("U", noteStart)
	r.server.Push(t, "p:U", "{}", "{}")
	r.reload()
	r.until("they run", func() bool { return len(r.starts()) == 2 })
	p.Decide(nil)
	r.ended(3)
}
