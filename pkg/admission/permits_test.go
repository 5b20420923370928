package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// starts has the types start n tasks, each time the one whose turn it is, and
// returns their names.
func starts(n int, accounts ...*account) string {
	s := newShares()
	var names strings.Builder
	for range n {
		next := slices.MinFunc(accounts, func(a, b *account) int {
			if before(a, b) {
				return -1
			}
			return 1
		})
		s.charge(next)
		names.WriteString(next.name)
	}
	return names.String()
}

func TestSharesOrder(t *testing.T) {
	for name, c := range map[string]struct {
		accounts []*account
		want     string
	}{
		"equal weights take turns":        {[]*account{{name: "a", weight: 100}, {name: "b", weight: 100}}, "abababab"},
		"1 to 3":                          {[]*account{{name: "a", weight: 100}, {name: "b", weight: 300}}, "babbbabb"},
		"1 to 2 to 4":                     {[]*account{{name: "a", weight: 1}, {name: "b", weight: 2}, {name: "c", weight: 4}}, "cbaccbccbaccbc"},
		"a high priority alone":           {[]*account{{name: "a", weight: 10000}, {name: "b", weight: 1, priority: 1}}, "bbbb"},
		"a negative priority is low":      {[]*account{{name: "a", weight: 1, priority: -1}, {name: "b", weight: 1}}, "bbbb"},
		"weights count within a priority": {[]*account{{name: "a", weight: 1, priority: 5}, {name: "b", weight: 2, priority: 5}, {name: "c", weight: 9}}, "babbab"},
		"the lightest gets its turn":      {[]*account{{name: "a", weight: 8192}, {name: "b", weight: 1}}, "ab" + strings.Repeat("a", 8191) + "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := starts(len(c.want), c.accounts...); got != c.want {
				t.Errorf("got %.40s, want %.40s", got, c.want)
			}
		})
	}
}

// A type without work saves nothing up, and owes what it had too early.
func TestSharesOfATypeThatComesBack(t *testing.T) {
	s := newShares()
	a, b := &account{name: "a", weight: 100, idle: true}, &account{name: "b", weight: 100}
	for range 1000 {
		s.charge(b)
	}
	s.arrive(a)
	if a.paid < b.paid-1.0/100-1e-9 {
		t.Errorf("a type that comes back goes on from %v, the others are at %v", a.paid, b.paid)
	}
	debtor := &account{name: "c", weight: 1, paid: 1e6, idle: true}
	s.arrive(debtor)
	if debtor.paid != 1e6 {
		t.Error("a type gets rid of what it owes by being idle")
	}
	before := a.paid
	s.charge(a)
	s.refund(a)
	if a.paid != before {
		t.Errorf("a refund leaves %v of %v", a.paid, before)
	}
}

// crowd is a set of permits and types that always have work, or come and go.
type crowd struct {
	permits    *Permits
	requesters []*Requester
	started    []int // tasks of each
	running    []int // requester of each task that runs
}

func newCrowd(most int, accounts ...*account) *crowd {
	c := &crowd{permits: NewPermits(), started: make([]int, len(accounts))}
	for _, a := range accounts {
		c.permits.accounts[a.name] = a
		c.requesters = append(c.requesters, c.permits.Join(a.name, 1, make(chan struct{}, 1)))
	}
	c.permits.limit = most
	return c
}

// request makes a type request all permits that there are.
func (c *crowd) request(i int) {
	if c.requesters[i].Request(c.permits.limit) {
		c.requesters[i].granted++
	}
	c.start()
}

// start starts a task on each permit that was given.
func (c *crowd) start() {
	for i, requester := range c.requesters {
		for ; requester.granted > 0; requester.granted-- {
			c.running = append(c.running, i)
			c.started[i]++
		}
	}
}

// end ends one of the tasks that run.
func (c *crowd) end(rt *rapid.T) {
	n := rapid.IntRange(0, len(c.running)-1).Draw(rt, "task")
	i := c.running[n]
	if c.requesters[i].requested > 0 && c.requesters[i].Keep() {
		c.started[i]++
		return
	}
	c.running = slices.Delete(c.running, n, n+1)
	c.requesters[i].Release()
	c.start()
}

func drawAccounts(rt *rapid.T, priorities int) []*account {
	accounts := make([]*account, rapid.IntRange(2, 6).Draw(rt, "types"))
	for i := range accounts {
		accounts[i] = &account{
			name:     fmt.Sprint("type", i),
			priority: rapid.IntRange(1, priorities).Draw(rt, "priority"),
			weight:   rapid.SampledFrom([]int{1, 2, 3, 7, 10, 100}).Draw(rt, "weight"),
			idle:     true,
		}
	}
	return accounts
}

// Whatever ends when: between two types that have work all the time, tasks per
// weight differ by one task of each at most, and no permit stays free.
func TestSharesAreInProportion(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		accounts := drawAccounts(rt, 1)
		c := newCrowd(rapid.IntRange(1, 8).Draw(rt, "permits"), accounts...)
		c.permits.closed = true
		for i := range accounts {
			c.request(i)
		}
		c.permits.Open()
		c.start()
		for range rapid.IntRange(1, 400).Draw(rt, "ends") {
			for i := range accounts {
				c.request(i)
			}
			if len(c.running) != c.permits.limit || c.permits.used != c.permits.limit {
				rt.Fatalf("%d tasks run, %d permits are used, of %d", len(c.running), c.permits.used, c.permits.limit)
			}
			for i, a := range accounts {
				for j, b := range accounts {
					wa, wb := float64(a.weight), float64(b.weight)
					if d := float64(c.started[i])/wa - float64(c.started[j])/wb; d > 1/wa+1/wb+1e-9 {
						rt.Fatalf("weights %d and %d started %d and %d", a.weight, b.weight, c.started[i], c.started[j])
					}
				}
			}
			c.end(rt)
		}
	})
}

// Whatever the others do, a type with work starts a task before any other of its
// priority has started more than its weight in relation allows, and one of a lower
// priority starts none.
func TestSharesStarveNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		accounts := drawAccounts(rt, 2)
		me := slices.IndexFunc(accounts, func(a *account) bool {
			return !slices.ContainsFunc(accounts, func(b *account) bool { return b.priority > a.priority })
		})
		c := newCrowd(rapid.IntRange(1, 4).Draw(rt, "permits"), accounts...)
		work := make([]bool, len(accounts))
		work[me] = true
		c.request(me)
		since := slices.Clone(c.started) // the last start of mine
		for range rapid.IntRange(1, 300).Draw(rt, "events") {
			i := rapid.IntRange(0, len(accounts)-1).Draw(rt, "type")
			if i != me {
				c.comeOrGo(rt, i, work)
			}
			for i, has := range work {
				if has {
					c.request(i)
				}
			}
			c.end(rt)
			if len(c.running) != c.permits.limit {
				rt.Fatalf("%d tasks run on %d permits", len(c.running), c.permits.limit)
			}
			if c.started[me] != since[me] {
				since = slices.Clone(c.started)
			}
			for j, a := range accounts {
				most := float64(a.weight)/float64(accounts[me].weight) + 1 + 1e-9
				if a.priority < accounts[me].priority {
					most = 0
				}
				if got := c.started[j] - since[j]; j != me && float64(got) > most {
					rt.Fatalf("while %+v waited, %+v started %d tasks, more than %v", accounts[me], a, got, most)
				}
			}
		}
	})
}

// comeOrGo has a type get work, have none any more, or find out that it has none.
func (c *crowd) comeOrGo(rt *rapid.T, i int, work []bool) {
	switch rapid.SampledFrom([]string{"comes", "goes", "finds nothing"}).Draw(rt, "event") {
	case "comes":
		work[i] = true
	case "goes":
		work[i] = false
		c.requesters[i].Withdraw()
	default:
		work[i] = false
		if c.requesters[i].Request(1) {
			c.requesters[i].ReleaseUnused()
		}
		c.requesters[i].Withdraw()
	}
	c.start()
}

// The bound and the shares change with a configuration; permits in use are counted
// on, and those that nobody knows of yet are taken back.
func TestPermitsAreConfigured(t *testing.T) {
	c := newCrowd(3, &account{name: "a", weight: 1}, &account{name: "b", weight: 1})
	c.request(0)
	if len(c.running) != 3 || c.requesters[1].Request(1) {
		t.Fatalf("%d of 3 permits", len(c.running))
	}
	c.requesters[0].Withdraw()
	c.requesters[0].Release()
	if c.requesters[1].granted != 1 {
		t.Fatal("the freed permit was not given to the one who waits")
	}
	c.permits.Configure(2, nil)
	c.permits.Open()
	if c.permits.used != 2 || c.requesters[1].granted != 0 {
		t.Errorf("%d permits are in use, want 2", c.permits.used)
	}
	if c.requesters[1].Request(1) || c.requesters[0].TryAcquire() {
		t.Error("a third permit of two")
	}
	c.requesters[1].Withdraw()
	c.requesters[0].Release()
	if !c.requesters[0].TryAcquire() {
		t.Error("the freed permit is not free")
	}
	c.permits.Configure(1, nil)
	c.permits.Open()
	if c.requesters[0].Keep() {
		t.Error("a permit is kept over the bound")
	}
	c.requesters[1].Request(1)
	c.permits.Configure(0, nil)
	c.permits.Open()
	if !c.requesters[1].Request(1) || !c.requesters[0].TryAcquire() || !c.requesters[0].Keep() {
		t.Error("there is a bound where there is none")
	}
}

// Claims stand when the configuration changes, so that its priorities count at
// once.
func TestRequestsOutliveAReload(t *testing.T) {
	c := newCrowd(1, &account{name: "a", weight: 1}, &account{name: "b", weight: 1})
	for i := range 2 {
		c.requesters[i].Request(2)
	}
	c.permits.Configure(2, map[string]Share{"a": {Weight: 1}, "b": {Weight: 1, Priority: 1}})
	if c.requesters[0].Request(2) || c.requesters[1].granted != 0 {
		t.Error("a permit is given before all have made their claims")
	}
	c.permits.Open()
	if c.requesters[1].granted != 1 || c.requesters[0].granted != 0 {
		t.Errorf("the high priority was given %d permits", c.requesters[1].granted)
	}
}
