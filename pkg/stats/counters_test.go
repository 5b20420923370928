package stats

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that changes only when a test sets it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newTestCounters(types ...string) (*Counters, *clock) {
	c := &clock{time.Date(2026, 11, 23, 14, 3, 5, 0, time.UTC)}
	counters := New("2.0.0", c.now)
	counters.SetTypes(types)
	return counters, c
}

func TestTaskCountCountsStartedRuns(t *testing.T) {
	c, clock := newTestCounters("mail", "idle")
	c.Started("mail")
	c.Started("mail")
	c.Started("mail")
	c.Started("unknown")
	c.Ended(Run{Type: "mail", Outcome: "ok", End: Done})
	c.Ended(Run{Type: "mail", Outcome: "failed", End: Failed})
	clock.at = clock.at.Add(5*time.Second + 999*time.Millisecond)
	want := report{Runtime: 5, TaskCount: map[string]int64{"mail": 3, "idle": 0}, Version: "2.0.0", Tasks: map[string]typeReport{"mail": {Outcomes: map[string]int64{"ok": 1, "failed": 1}}}}
	if diff := cmp.Diff(want, c.report()); diff != "" {
		t.Error(diff)
	}
}

func TestSetTypes(t *testing.T) {
	c, _ := newTestCounters("a", "b")
	c.Started("a")
	c.Started("b")
	steps := []struct {
		types []string
		want  map[string]int64
	}{
		{[]string{"b", "c", "b"}, map[string]int64{"b": 1, "c": 0}},
		{nil, map[string]int64{}},
		{[]string{"a", "b", "c"}, map[string]int64{"a": 2, "b": 1, "c": 0}},
	}
	for i, step := range steps {
		c.SetTypes(step.types)
		if i == 0 {
			c.Started("a") // a removed type runs what it has taken
		}
		if diff := cmp.Diff(step.want, c.report().TaskCount); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
		if got := c.Snapshot().Types; got != len(step.want) {
			t.Errorf("step %d: %d types, want %d", i, got, len(step.want))
		}
	}
}

func TestSnapshot(t *testing.T) {
	c, _ := newTestCounters("a", "b")
	for range 10 {
		c.Started("a")
	}
	for range 4 {
		c.Ended(Run{Type: "a", Outcome: "ok", End: Done})
	}
	for range 2 {
		c.Ended(Run{Type: "a", Outcome: "failed", End: Failed})
	}
	c.Ended(Run{Type: "a", Outcome: "returned", End: Returned})
	want := Snapshot{Running: 3, Types: 2, Done: 4, Failed: 2}
	if diff := cmp.Diff(want, c.Snapshot()); diff != "" {
		t.Error(diff)
	}
}

func TestNoCountIsLostOverReloads(t *testing.T) {
	const workers, runs = 8, 2000
	c, _ := newTestCounters("a")
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range runs {
				c.Started("a")
				if (w+i)%2 == 0 {
					c.Ended(Run{Type: "a", Outcome: "ok", End: Done})
				} else {
					c.Ended(Run{Type: "a", Outcome: "failed", End: Failed})
				}
			}
		})
	}
	group.Go(func() {
		for i := range 200 {
			c.SetTypes([]string{fmt.Sprint(i)})
			c.report()
			c.SetTypes([]string{"a"})
		}
	})
	group.Wait()
	if got := c.report().TaskCount["a"]; got != workers*runs {
		t.Errorf("%d runs counted, want %d", got, workers*runs)
	}
	want := Snapshot{Types: 1, Done: workers * runs / 2, Failed: workers * runs / 2}
	if diff := cmp.Diff(want, c.Snapshot()); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkCounters(b *testing.B) {
	c, _ := newTestCounters("a")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Started("a")
			c.Ended(Run{Type: "a", Outcome: "ok", End: Done})
		}
	})
}
