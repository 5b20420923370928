package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

func finishOf(how How) Finish {
	return Finish{
		Run: RunList{"T", "I", 0, Note{Number: 1}}, How: how, TakeNext: true, Next: 1, NextNote: Note{Number: 2},
		Record: []byte("record"), Keep: Keep{TTL: time.Hour},
	}
}

// begin puts an entry into run list 0, with the note of a run that has begun.
func begin(t *testing.T, entry string) {
	t.Helper()
	server.Do(t, "HSET", keys.Notes("I"), "T:0", Note{Number: 1}.String())
	server.Push(t, run0, entry)
}

// afterFinish is the content of the lists afterwards, if x was running and y waited.
var afterFinish = map[How]map[string][]string{
	Drop:   {run0: {}, run1: {"y"}, "q:T": {}, "q:T:failed": {}},
	Fail:   {run0: {}, run1: {"y"}, "q:T": {}, "q:T:failed": {"record"}},
	Return: {run0: {}, run1: {"x"}, "q:T": {"y"}, "q:T:failed": {}},
}

func checkLists(t *testing.T, want map[string][]string) {
	t.Helper()
	for list, entries := range want {
		if diff := cmp.Diff(entries, server.List(t, list)); diff != "" {
			t.Errorf("%s: %s", list, diff)
		}
	}
}

func TestFinishMovesTheEntryAndTakesTheNext(t *testing.T) {
	for how, want := range afterFinish {
		t.Run(string(how), func(t *testing.T) {
			l := open(t, server.Socket)
			begin(t, "x")
			server.Push(t, "q:T", "y")
			use(t, l, func(c *Conn) error {
				results, err := c.FinishAll(keys, []Finish{finishOf(how)})
				wantResult := []Finished{{Taken: Taken{Entry: []byte(want[run1][0]), Note: Note{Number: 2}}}}
				if diff := cmp.Diff(wantResult, results, cmpopts.EquateErrors()); diff != "" {
					t.Error(diff)
				}
				return err
			})
			checkLists(t, want)
		})
	}
}

func TestFinishWithoutNextLeavesTheQueueAlone(t *testing.T) {
	l := open(t, server.Socket)
	begin(t, "x")
	server.Push(t, "q:T", "y")
	f := finishOf(Drop)
	f.TakeNext = false
	use(t, l, func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{f})
		if results[0].Entry != nil {
			t.Errorf("took %q", results[0].Entry)
		}
		return err
	})
	checkLists(t, map[string][]string{run0: {}, run1: {}, "q:T": {"y"}})
}

func TestFailedListExpiresAfterTheLastPush(t *testing.T) {
	l := open(t, server.Socket)
	for i, ttl := range []time.Duration{time.Hour, 1500 * time.Millisecond} {
		server.Do(t, "DEL", "q:T:failed")
		begin(t, "x")
		f := finishOf(Fail)
		f.Keep.TTL = ttl
		use(t, l, func(c *Conn) error {
			// In one trip: the time between both commands would be part of the answer.
			replies, err := c.conn.Pipeline(f.call(keys), call("TTL", "q:T:failed"))
			if err == nil && replies[1] != []any{int64(3600), int64(2)}[i] {
				t.Errorf("TTL after a push with %v is %v s", ttl, replies[1])
			}
			return err
		})
	}
}

// A refused push must not remove the entry: it would be on no list at all.
func TestFinishRefusedKeepsTheEntry(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "SET", "q:T:failed", "of the wrong type")
	begin(t, "x")
	server.Push(t, "q:T", "y")
	server.Push(t, "q:T:run:I:2", "z")
	other := finishOf(Drop)
	other.Run, other.Next, other.NextNote = RunList{"T", "I", 2, Note{Number: 3}}, 3, Note{Number: 4}
	use(t, l, func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{finishOf(Fail), other})
		if !errors.Is(results[0].Err, &ReplyError{Code: "WRONGTYPE"}) && !errors.Is(results[0].Err, &ReplyError{Code: "ERR"}) {
			t.Errorf("got %v", results[0].Err)
		}
		if results[1].Err != nil || string(results[1].Entry) != "y" {
			t.Errorf("the other one: %+v", results[1])
		}
		return err
	})
	checkLists(t, map[string][]string{run0: {"x"}, run1: {}, "q:T:run:I:2": {}, "q:T:run:I:3": {"y"}})
}

// A push is not repeated because no EXPIRE may follow it.
func TestFinishWithoutTheRightToExpire(t *testing.T) {
	for name, record := range map[string][]byte{"record": []byte("record"), "entry itself": nil} {
		t.Run(name, func(t *testing.T) {
			l := open(t, server.Socket)
			begin(t, "x")
			server.Push(t, "q:T", "y")
			forbid(t, "expire")
			f := finishOf(Fail)
			f.Record = record
			use(t, l, func(c *Conn) error {
				results, err := c.FinishAll(keys, []Finish{f})
				if r := results[0]; err == nil && (r.Err != nil || r.Gone || string(r.Entry) != "y" || !errors.Is(r.Expiry, &ReplyError{Code: "NOPERM"})) {
					t.Errorf("got %+v", r)
				}
				return err
			})
			want := "x"
			if record != nil {
				want = string(record)
			}
			checkLists(t, map[string][]string{run0: {}, run1: {"y"}, "q:T": {}, "q:T:failed": {want}})
		})
	}
}

func TestFinishUnderOOMRemovesAndTakesNoHarm(t *testing.T) {
	l := open(t, server.Socket)
	begin(t, "x")
	server.Push(t, "q:T", "y")
	server.Do(t, "CONFIG", "SET", "maxmemory", "1")
	defer server.Do(t, "CONFIG", "SET", "maxmemory", "0")
	use(t, l, func(c *Conn) error {
		fail, err := c.FinishAll(keys, []Finish{finishOf(Fail)})
		if err != nil {
			return err
		}
		if fail[0].Err == nil {
			t.Error("a push into a full Redis was not refused")
		}
		drop, err := c.FinishAll(keys, []Finish{finishOf(Drop)})
		if err == nil && drop[0].Err != nil {
			t.Errorf("removing from a full Redis: %v", drop[0].Err)
		}
		return err
	})
	if left := len(server.List(t, run0)); left != 0 {
		t.Errorf("%d entries left in the run list", left)
	}
	if n := len(server.List(t, run1)) + len(server.List(t, "q:T")); n != 1 {
		t.Errorf("the waiting entry stands in %d places", n)
	}
}

// A Finish that is repeated after a lost connection has the effect of one.
func TestFinishAfterALostConnectionHappensOnce(t *testing.T) {
	faults := map[string]redistest.Fault{
		"before the request": redistest.BeforeRequest,
		"before the answer":  redistest.BeforeAnswer,
		"request comes late": redistest.LateRequest,
	}
	for how, want := range afterFinish {
		for name, fault := range faults {
			t.Run(fmt.Sprintf("%s, %s", how, name), func(t *testing.T) {
				p := redistest.NewProxy(t, server)
				l := open(t, p.Socket)
				begin(t, "x")
				server.Push(t, "q:T", "y")
				p.Decide(redistest.FailOnce("EVAL", 1, fault))
				f := finishOf(how)
				finish := func(c *Conn) error {
					results, err := c.FinishAll(keys, []Finish{f})
					if err == nil && string(results[0].Entry) != want[run1][0] {
						t.Errorf("next is %q, want %q", results[0].Entry, want[run1][0])
					}
					return err
				}
				if err := l.Use(t.Context(), finish); err == nil {
					t.Fatal("the loss went unnoticed")
				}
				f.Unsure = true
				use(t, l, finish)
				p.DeliverLate()
				checkLists(t, want)
			})
		}
	}
}

// The entry of a result is no longer in its run list. The result is pushed if certainly
// nobody else has the entry, and not otherwise.
func TestFinishOfAnEntryThatIsGone(t *testing.T) {
	others := func(t *testing.T) { server.Do(t, "HSET", keys.Instances(), "another", "{}") }
	note := func(n Note) func(*testing.T) {
		return func(t *testing.T) { server.Do(t, "HSET", keys.Notes("I"), "T:0", n.String()) }
	}
	blank := func(last int) func(*testing.T) {
		return func(t *testing.T) { server.Do(t, "HSET", keys.Notes("I"), blankField("T"), last) }
	}
	queued := func(t *testing.T) { server.Push(t, "q:T", "an entry that waits") }
	for name, c := range map[string]struct {
		begin []func(*testing.T)
		push  bool
	}{
		"redis has nothing of gordon": {nil, true},
		"taken over":                  {[]func(*testing.T){others}, false},
		"redis came back without this run, entries wait":   {[]func(*testing.T){queued}, false},
		"redis came back with an older run of the list":    {[]func(*testing.T){others, note(Note{Number: 0})}, false},
		"somebody has emptied the list":                    {[]func(*testing.T){others, note(Note{Number: 1, Fail: true})}, false},
		"redis had lost all when this was running":         {[]func(*testing.T){others, queued, blank(1)}, true},
		"redis had lost all before, and this was taken":    {[]func(*testing.T){others, queued, blank(0)}, false},
		"redis lost all, then an older run was taken back": {[]func(*testing.T){others, blank(1), note(Note{Number: 0})}, false},
	} {
		for _, how := range []How{Fail, Delay, Return, Drop} {
			t.Run(name+"/"+string(how), func(t *testing.T) {
				l := open(t, server.Socket)
				for _, f := range c.begin {
					f(t)
				}
				f := finishOf(how)
				f.After, f.TakeNext = time.Hour, false
				use(t, l, func(c *Conn) error {
					results, err := c.FinishAll(keys, []Finish{f})
					if diff := cmp.Diff([]Finished{{Gone: true}}, results); diff != "" {
						t.Error(diff)
					}
					return err
				})
				want := 0
				if c.push && (how == Fail || how == Delay) {
					want = 1
				}
				if n := len(server.List(t, "q:T:failed")) + len(scores(t)); n != want {
					t.Errorf("pushed %d times, want %d", n, want)
				}
			})
		}
	}
}

// Redis has lost everything if it knows neither this instance nor another one.
func TestRegisterNotesWhatRedisHasLost(t *testing.T) {
	i := Instance{ID: "I", Types: map[string]InstanceType{"T": {Lists: 2}, "U": {Lists: 2}}}
	for name, c := range map[string]struct {
		begin func(*testing.T)
		want  any
	}{
		"nothing is there":            {func(*testing.T) {}, "7"},
		"another instance is there":   {func(t *testing.T) { server.Do(t, "HSET", keys.Instances(), "another", "{}") }, nil},
		"entries wait":                {func(t *testing.T) { server.Push(t, "q:T", "x") }, nil},
		"others wait":                 {func(t *testing.T) { server.Push(t, "q:U", "x") }, "7"},
		"entries wait for their time": {func(t *testing.T) { server.Do(t, "ZADD", keys.Delayed("T"), 1, "x") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, server.Socket)
			c.begin(t)
			for range 2 {
				use(t, l, func(c *Conn) error { _, err := c.Register(keys, i, time.Minute, 7); return err })
			}
			got := server.Do(t, "HGET", keys.Notes("I"), blankField("T"))
			if b, ok := got.([]byte); ok {
				got = string(b)
			}
			if got != c.want {
				t.Errorf("noted %v, want %v", got, c.want)
			}
		})
	}
}

func TestFinishHandlesLargeEntries(t *testing.T) {
	l := open(t, server.Socket)
	large := string(make([]byte, 20<<20))
	server.Push(t, run0, large)
	server.Push(t, "q:T", large)
	f := finishOf(Fail)
	f.Record = []byte(large)
	use(t, l, func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{f})
		if err == nil && string(results[0].Entry) != large {
			t.Errorf("got %d bytes, %v", len(results[0].Entry), results[0].Err)
		}
		return err
	})
}

// In Redis 7.0, a missing permission within a script has no code of its own.
func TestRefusalWithinAScriptIsNOPERM(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, run0, "x")
	forbid(t, "ltrim")
	use(t, l, func(c *Conn) error {
		results, err := c.FinishAll(keys, []Finish{finishOf(Drop)})
		if err == nil && !errors.Is(results[0].Err, &ReplyError{Code: "NOPERM"}) {
			t.Errorf("got %v", results[0].Err)
		}
		return err
	})
}
