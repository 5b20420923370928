package daemontest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// sharesOf returns how many of the first n tasks that gordon started were of each
// type, from the file where each noted its id, which ends in its number.
func sharesOf(t *testing.T, ids []string, n int) map[string]int {
	t.Helper()
	number := func(id string) int {
		i, err := strconv.Atoi(id[strings.LastIndex(id, ".")+1:])
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	shares := make(map[string]int)
	for _, id := range ids[:n] {
		shares[strings.Split(id, ".")[1]]++
	}
	return shares
}

// Four types with full queues, one with none, and places for two tasks: first all
// of the high priority, then the others by weight, and never more than two.
func TestMaxRunningIsShared(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	conf := "max_running = 2\n"
	const body = `: >"$D/run.$$"; ls "$D" | grep -c '^run\.' >>"$D/seen"; echo "$GORDON_TASK_ID" >>"$D/ids"; rm "$D/run.$$"`
	for name, keys := range map[string]string{
		"a": "weight = 10\n", "b": "weight = 20\n", "c": "weight = 40\n", "high": "priority = 1\n", "idle": "priority = 2\n",
	} {
		s.Script(name, body)
		conf += s.Task(name, 2) + keys
	}
	s.Configure(conf)
	entries := map[string]int{"a": 30, "b": 45, "c": 75, "high": 20}
	for name, n := range entries {
		s.server.Push(t, "q:"+name, slices.Repeat([]string{"{}"}, n)...)
	}
	d := s.Start()
	gordontest.Until(t, "all have run", func() bool { return len(s.Lines("ids")) == 170 })
	d.Stop()
	high := sharesOf(t, s.Lines("ids"), 20)["high"]
	if high < 19 { // the last one may be on its way while another type finds the queue empty
		t.Errorf("%d of the first 20 tasks are of the high priority", high)
	}
	got := sharesOf(t, s.Lines("ids"), 90)
	for name, want := range map[string]int{"a": 10, "b": 20, "c": 40, "high": 20} {
		if n := got[name]; n < want-2 || n > want+2 {
			t.Errorf("%d of the first 90 tasks are of type %s, want %d", n, name, want)
		}
	}
	for _, n := range s.Lines("seen") {
		if n != "1" && n != "2" {
			t.Fatalf("%s tasks ran at once", n)
		}
	}
}

// A reload changes what starts from then on, and ends nothing.
func TestReloadOfShares(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const wait = `echo "$GORDON_TASK_ID" >>"$D/ids"; while ! [ -e "$D/go" ]; do sleep 0.05; done; echo "$GORDON_TASK_TYPE" >>"$D/done"`
	s.Script("T", wait)
	s.Script("U", wait)
	s.Configure("max_running = 1\n" + s.Task("T", 4) + s.Task("U", 4) + "priority = -1\n")
	s.server.Push(t, "q:T", slices.Repeat([]string{"{}"}, 4)...)
	s.server.Push(t, "q:U", slices.Repeat([]string{"{}"}, 4)...)
	d := s.Start()
	gordontest.Until(t, "one runs", func() bool { return len(s.Lines("ids")) == 1 })
	s.Configure("max_running = 3\n" + s.Task("T", 4) + s.Task("U", 4) + "priority = 1\n")
	d.Reload("reloaded", 1)
	gordontest.Until(t, "three run", func() bool { return len(s.Lines("ids")) == 3 })
	if got := sharesOf(t, s.Lines("ids"), 3); got["T"] != 1 || got["U"] != 2 {
		t.Errorf("with the new priority, these run: %v", got)
	}
	s.Configure(s.Task("T", 4) + s.Task("U", 4))
	d.Reload("reloaded", 2)
	gordontest.Until(t, "all run", func() bool { return len(s.Lines("ids")) == 8 })
	s.Write("go", "")
	gordontest.Until(t, "all have ended by themselves", func() bool { return len(s.Lines("done")) == 8 })
	d.Stop()
}
