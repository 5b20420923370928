package store

import (
	"errors"
	"sort"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sample = Instance{
	ID: "host.1", Host: "host", MachineID: "m", BootID: "b", PIDNamespace: "p", PID: 7, StartTime: 9, Version: "2",
	Lists: map[string]int{"T": 4, "U": 2},
}

func TestRegisterAndForget(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error { return c.Register(keys, sample) })
	use(t, l, func(c *Conn) error {
		got, unreadable, err := c.Instances(keys)
		if diff := cmp.Diff([]Instance{sample}, got); diff != "" || unreadable != nil {
			t.Errorf("%s %v", diff, unreadable)
		}
		return err
	})
	if ttl := server.Do(t, "TTL", "q:instance:host.1").(int64); ttl < 28 || ttl > 30 {
		t.Errorf("the lease lives %d s", ttl)
	}
	use(t, l, func(c *Conn) error { return c.Forget(keys, sample.ID) })
	if left := server.Keys(t, "*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRegisterRefusedSaysWhy(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "SET", "q:instances", "of the wrong type")
	err := l.Use(t.Context(), func(c *Conn) error { return c.Register(keys, sample) })
	if !errors.Is(err, &ReplyError{Code: "WRONGTYPE"}) {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableRecordsAreReportedAndLeft(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "HSET", "q:instances", "odd", "{")
	use(t, l, func(c *Conn) error {
		got, unreadable, err := c.Instances(keys)
		if len(got) != 0 || len(unreadable) != 1 {
			t.Errorf("%v %v", got, unreadable)
		}
		return err
	})
}

// Many daemons may find the same dead one; each entry goes back once.
func TestRecoverMovesEachEntryOnce(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, "q:T:run:host.1:0", "a")
	server.Push(t, "q:T:run:host.1:3", "b")
	server.Push(t, "q:U:run:host.1:1", "c")
	server.Push(t, "q:T:run:host.2:0", "another instance's")
	server.Push(t, "q:T", "waiting")
	total := make(chan map[string]int, 5)
	var wg sync.WaitGroup
	for range cap(total) {
		wg.Go(func() {
			link := l.client.Link()
			defer link.Close()
			if err := link.Use(t.Context(), func(c *Conn) error {
				moved, err := c.Recover(keys, sample)
				total <- moved
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(total)
	sum := make(map[string]int)
	for moved := range total {
		for taskType, n := range moved {
			sum[taskType] += n
		}
	}
	if diff := cmp.Diff(map[string]int{"T": 2, "U": 1}, sum); diff != "" {
		t.Error(diff)
	}
	queue := server.List(t, "q:T")
	if len(queue) != 3 || queue[2] != "waiting" {
		t.Errorf("recovered entries belong at the head: %q", queue)
	}
	sort.Strings(queue)
	if diff := cmp.Diff([]string{"a", "b", "waiting"}, queue); diff != "" {
		t.Error(diff)
	}
	checkLists(t, map[string][]string{"q:U": {"c"}, "q:T:run:host.2:0": {"another instance's"}})
}

func TestServerVersion(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error {
		s, err := c.Server()
		if s.Version == "" || s.MaxmemoryPolicy != "noeviction" {
			t.Errorf("%+v", s)
		}
		return err
	})
	for version, want := range map[string]bool{
		"6.2.0": true, "6.2": true, "7.0.15": true, "10.0.0": true,
		"6.0.16": false, "5.9.9": false, "": false, "x.y": false,
	} {
		if got := atLeast(version, 6, 2); got != want {
			t.Errorf("atLeast(%q, 6, 2) is %v", version, got)
		}
	}
}
