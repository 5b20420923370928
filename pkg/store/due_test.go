package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
)

func delay(record string) Finish {
	f := finishOf(Delay)
	f.Record = []byte(record)
	return f
}

// scores returns the entries for later, entry → score in Unix ms.
func scores(t *testing.T) map[string]int64 {
	t.Helper()
	m, err := redis.Int64Map(server.Do(t, "ZRANGE", keys.Delayed("T"), 0, -1, "WITHSCORES"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFinishPutsOff(t *testing.T) {
	due := time.UnixMilli(1767225600123)
	for name, set := range map[string]func(*Finish){
		"until": func(f *Finish) { f.Due = due },
		"for":   func(f *Finish) { f.After = 1500 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, server.Socket)
			begin(t, "x")
			server.Push(t, "q:T", "y")
			before := time.Now()
			use(t, l, func(c *Conn) error {
				f := delay("later")
				set(&f)
				results, err := c.FinishAll(keys, []Finish{f})
				if diff := cmp.Diff([]Finished{{Taken: Taken{Entry: []byte("y"), Note: Note{Number: 2}}}}, results); diff != "" {
					t.Error(diff)
				}
				return err
			})
			checkLists(t, map[string][]string{run0: {}, run1: {"y"}, "q:T": {}, "q:T:failed": {}})
			lowest, highest := due.UnixMilli(), due.UnixMilli()
			if name == "for" {
				lowest, highest = before.UnixMilli()+1500, time.Now().UnixMilli()+1500
			}
			got := scores(t)
			if s, ok := got["later"]; len(got) != 1 || !ok || s < lowest || s > highest {
				t.Errorf("delayed: %v, want later at %d to %d", got, lowest, highest)
			}
		})
	}
}

func TestFinishRefusedPutOffKeepsTheEntry(t *testing.T) {
	l := open(t, server.Socket)
	begin(t, "x")
	server.Push(t, keys.Delayed("T"), "a list")
	use(t, l, func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{delay("later")})
		var refused *ReplyError
		if err == nil && !errors.As(results[0].Err, &refused) {
			t.Errorf("got %+v", results[0])
		}
		return err
	})
	checkLists(t, map[string][]string{run0: {"x"}})
}

// moveT moves the entries of type T that are due, and returns their number.
func moveT(c *Conn) (moved int, err error) {
	due, err := c.MoveDue(keys, []string{"T"})
	if err != nil {
		return 0, err
	}
	return due[0].Moved, due[0].Refused
}

func TestMoveDueKeepsTheOrderAndLeavesTheRest(t *testing.T) {
	l := open(t, server.Socket)
	now := time.Now().UnixMilli()
	server.Push(t, "q:T", "waits")
	for entry, due := range map[string]int64{"third": now - 1, "first": -5, "second": now - 2, "not yet": now + 60_000} {
		server.Do(t, "ZADD", keys.Delayed("T"), due, entry)
	}
	use(t, l, func(c *Conn) error {
		n, err := moveT(c)
		if n != 3 {
			t.Errorf("moved %d", n)
		}
		return err
	})
	checkLists(t, map[string][]string{"q:T": {"waits", "first", "second", "third"}})
	if diff := cmp.Diff(map[string]int64{"not yet": now + 60_000}, scores(t)); diff != "" {
		t.Error(diff)
	}
}

// Entries may have 512 MB each: a hundred of them are not moved in one step.
func TestMoveDueOfLargeEntries(t *testing.T) {
	l := open(t, server.Socket)
	const size, entries = dueBytes/2 - 100, 5
	for i := range entries {
		server.Do(t, "ZADD", keys.Delayed("T"), 1, fmt.Sprintf("%d%s", i, strings.Repeat("x", size)))
	}
	for _, want := range []int{3, 2, 0} {
		use(t, l, func(c *Conn) error {
			n, err := moveT(c)
			if n != want {
				t.Errorf("moved %d, want %d", n, want)
			}
			return err
		})
	}
	if n := len(server.List(t, "q:T")); n != entries {
		t.Errorf("%d in the queue", n)
	}
}

func TestMoveDueRefusedLosesNothing(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "SET", "q:T", "no list")
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	use(t, l, func(c *Conn) error {
		if _, err := moveT(c); !Refused(err) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if got := scores(t); len(got) != 1 {
		t.Errorf("delayed: %v", got)
	}
}

// If an entry may not be removed, it is not moved: it would be moved again and again.
func TestMoveDueWithoutTheRightToRemove(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	forbid(t, "zrem")
	err := l.Use(t.Context(), func(c *Conn) error { _, err := moveT(c); return err })
	if !errors.Is(err, &ReplyError{Code: "NOPERM"}) {
		t.Errorf("%v, want a NOPERM", err)
	}
	checkLists(t, map[string][]string{"q:T": {}})
	if got := scores(t); len(got) != 1 {
		t.Errorf("delayed: %v", got)
	}
}

// Many hosts move each entry once.
func TestMoveDueMovesEachEntryOnce(t *testing.T) {
	open(t, server.Socket) // flushes
	const entries, hosts = 5 * DueBatch, 4
	for i := range entries {
		server.Do(t, "ZADD", keys.Delayed("T"), i, fmt.Sprintf("%04d", i))
	}
	var group sync.WaitGroup
	for range hosts {
		l := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "host"}).Link()
		group.Go(func() {
			for moved := 1; moved > 0; {
				if err := l.Use(t.Context(), func(c *Conn) (err error) {
					moved, err = moveT(c)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := server.List(t, "q:T")
	if len(got) != entries {
		t.Fatalf("%d entries of %d", len(got), entries)
	}
	for i, e := range got {
		if want := fmt.Sprintf("%04d", i); e != want {
			t.Fatalf("number %d is %s", i, e)
		}
	}
}

// One step moves the due entries of several types, and returns for each when the next one
// is due. It stops when it has moved enough. By then, each type that it reached has moved
// at least one entry: a flood of one type does not delay another.
func TestMoveDueOfManyTypes(t *testing.T) {
	l := open(t, server.Socket)
	hour := time.Now().Add(time.Hour).UnixMilli()
	add := func(taskType string, due any, entry string) { server.Do(t, "ZADD", keys.Delayed(taskType), due, entry) }
	add("later", hour, "x")
	add("never", "inf", "x")
	add("past", "-inf", "x")
	add("past", hour, "y")
	server.Push(t, keys.Delayed("wrong"), "a list")
	server.Do(t, "SET", keys.Queue("stuck"), "no list")
	add("stuck", 1, "x")
	for i := range DueBatch + 1 {
		add("flood", i, strconv.Itoa(i))
	}
	add("behind", 1, "x")
	types := []string{"none", "later", "never", "past", "wrong", "stuck", "flood", "behind"}
	var first, rest []Due
	use(t, l, func(c *Conn) (err error) {
		if first, err = c.MoveDue(keys, types); err == nil {
			rest, err = c.MoveDue(keys, types[len(first):])
		}
		return err
	})
	got := make(map[string]Due)
	for i, d := range append(first, rest...) {
		if d.Type != types[i] {
			t.Errorf("answer %d is for %s, want %s", i, d.Type, types[i])
		}
		got[d.Type] = d
	}
	if len(first) != 7 || len(got) != len(types) {
		t.Fatalf("%d answers, then %d", len(first), len(rest))
	}
	for name, want := range map[string]struct {
		moved    int
		any, now bool
	}{
		"none": {}, "later": {any: true}, "never": {any: true}, "past": {moved: 1, any: true},
		"flood": {moved: DueBatch - 1, any: true, now: true}, "behind": {moved: 1},
	} {
		d := got[name]
		if d.Refused != nil || d.Moved != want.moved || d.Wait.Any != want.any || want.any && (d.Wait.Left <= 0) != want.now {
			t.Errorf("%s: %+v, want %+v", name, d, want)
		}
	}
	for _, name := range []string{"wrong", "stuck"} {
		if !errors.Is(got[name].Refused, &ReplyError{Code: "WRONGTYPE"}) {
			t.Errorf("%s: %+v", name, got[name])
		}
	}
}

func TestWait(t *testing.T) {
	now := time.UnixMicro(1_000_000_500) // 1,000,000.5 ms
	for score, want := range map[string]Wait{
		"1000001":               {true, 500 * time.Microsecond},
		"1000000":               {true, 0},
		"-inf":                  {true, 0},
		"inf":                   {true, farthest},
		"1e308":                 {true, farthest},
		strconv.Itoa(2_000_000): {true, 999_999_500 * time.Microsecond},
	} {
		got, err := parseWait([]byte(score), now)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", score, got, err, want)
		}
	}
	if got, err := parseWait(nil, now); err != nil || got.Any {
		t.Errorf("of an empty set: %+v, %v", got, err)
	}
	for _, reply := range []any{[]any{[]byte("5")}, []byte("soon"), redis.Error("WRONGTYPE x")} {
		if got, err := parseWait(reply, now); err == nil {
			t.Errorf("%v is read as %+v", reply, got)
		}
	}
}
