package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

const run0, run1 = "q:T:run:I:0", "q:T:run:I:1"

// list0 is run0.
var list0 = RunList{Type: "T", Instance: "I", List: 0}

func TestTakeMovesTheHeadToTheRunList(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, "q:T", "first", "second")
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(t.Context(), keys, list0, time.Second)
		if string(entry) != "first" {
			t.Errorf("took %q", entry)
		}
		return err
	})
	for list, want := range map[string][]string{"q:T": {"second"}, run0: {"first"}} {
		if diff := cmp.Diff(want, server.List(t, list)); diff != "" {
			t.Errorf("%s: %s", list, diff)
		}
	}
}

func TestTakeReturnsNilWhenNothingComes(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(t.Context(), keys, list0, 10*time.Millisecond)
		if entry != nil {
			t.Errorf("took %q from an empty queue", entry)
		}
		return err
	})
}

func TestTakeNow(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, "q:T", "first", "second")
	use(t, l, func(c *Conn) error {
		entry, err := c.TakeNow(keys, list0)
		if string(entry) != "first" {
			t.Errorf("took %q", entry)
		}
		return err
	})
	for list, want := range map[string][]string{"q:T": {"second"}, run0: {"first"}} {
		if diff := cmp.Diff(want, server.List(t, list)); diff != "" {
			t.Errorf("%s: %s", list, diff)
		}
	}
	use(t, l, func(c *Conn) error {
		entry, err := c.TakeNow(keys, RunList{Type: "U", Instance: "I", List: 1})
		if entry != nil {
			t.Errorf("took %q from an empty queue", entry)
		}
		return err
	})
	server.Do(t, "SET", "q:V", "a string")
	err := l.Use(t.Context(), func(c *Conn) error {
		_, err := c.TakeNow(keys, RunList{Type: "V", Instance: "I", List: 1})
		return err
	})
	if !errors.Is(err, &ReplyError{Code: "WRONGTYPE"}) {
		t.Errorf("got %v, want a WRONGTYPE", err)
	}
}

func TestTakeIsWokenByAPush(t *testing.T) {
	l := open(t, server.Socket)
	go func() {
		redistest.WaitBlocked(t, server, 1)
		server.Push(t, "q:T", "late")
	}()
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(t.Context(), keys, list0, time.Minute)
		if string(entry) != "late" {
			t.Errorf("took %q", entry)
		}
		return err
	})
}

// A cancelled take leaves no blocked client behind and a connection that works:
// an entry pushed afterwards stays in the queue.
func TestTakeCancelledLeavesNothingInFlight(t *testing.T) {
	l := open(t, server.Socket)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		redistest.WaitBlocked(t, server, 1)
		cancel()
	}()
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(ctx, keys, list0, time.Minute)
		if entry != nil {
			t.Errorf("took %q", entry)
		}
		return err
	})
	server.Push(t, "q:T", "x")
	if diff := cmp.Diff([]string{"x"}, server.List(t, "q:T")); diff != "" {
		t.Error(diff)
	}
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(t.Context(), keys, list0, time.Minute)
		if string(entry) != "x" {
			t.Errorf("took %q after a cancelled take", entry)
		}
		return err
	})
}

func TestTakeCancelledBeforehandAsksNothing(t *testing.T) {
	l := open(t, server.Socket)
	server.Push(t, "q:T", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	use(t, l, func(c *Conn) error {
		entry, err := c.Take(ctx, keys, list0, time.Minute)
		if entry != nil {
			t.Errorf("took %q", entry)
		}
		return err
	})
}

func TestTakeFromAKeyOfTheWrongTypeIsRefused(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "SET", "q:T", "a string")
	err := l.Use(t.Context(), func(c *Conn) error {
		_, err := c.Take(t.Context(), keys, list0, time.Second)
		return err
	})
	if !Refused(err) || !errors.Is(err, &ReplyError{Code: "WRONGTYPE"}) {
		t.Errorf("got %v, want a WRONGTYPE", err)
	}
	use(t, l, func(c *Conn) error { _, err := c.Inspect(keys, "T", "I", 0); return err })
}

// No ghost: after the fence, the server does not carry out a BLMOVE that it has yet to read
// from a connection that the client has given up.
func TestLostTakeIsFenced(t *testing.T) {
	for name, fault := range map[string]redistest.Fault{
		"before the request": redistest.BeforeRequest,
		"before the answer":  redistest.BeforeAnswer,
		"request comes late": redistest.LateRequest,
	} {
		t.Run(name, func(t *testing.T) {
			p := redistest.NewProxy(t, server)
			l := open(t, p.Socket)
			server.Push(t, "q:T", "a", "b")
			p.Decide(redistest.FailOnce("BLMOVE", 1, fault))
			err := l.Use(t.Context(), func(c *Conn) error {
				_, err := c.Take(t.Context(), keys, list0, time.Second)
				return err
			})
			if err == nil || Refused(err) {
				t.Fatalf("a lost connection gave %v", err)
			}
			var seen Remains
			use(t, l, func(c *Conn) error { seen, err = c.Inspect(keys, "T", "I", 0); return err })
			if n := p.DeliverLate(); n != 0 {
				t.Errorf("the server answered %d late requests of a fenced connection", n)
			}
			want, rest := []string{}, []string{"a", "b"}
			if fault == redistest.BeforeAnswer {
				want, rest = []string{"a"}, []string{"b"}
			}
			if string(seen.Entry) != first(want) {
				t.Errorf("seen is %q, want %q", seen.Entry, first(want))
			}
			if diff := cmp.Diff(want, server.List(t, run0)); diff != "" {
				t.Errorf("run list: %s", diff)
			}
			if diff := cmp.Diff(rest, server.List(t, "q:T")); diff != "" {
				t.Errorf("queue: %s", diff)
			}
		})
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// A blocked BLMOVE of a connection that only the client knows to be dead would
// take the next entry for nobody.
func TestBlockedTakeOfALostConnectionTakesNothing(t *testing.T) {
	p := redistest.NewProxy(t, server)
	l := open(t, p.Socket)
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		redistest.WaitBlocked(t, server, 1)
		p.CutClients()
	}()
	err := l.Use(t.Context(), func(c *Conn) error {
		_, err := c.Take(t.Context(), keys, list0, time.Minute)
		return err
	})
	<-cut
	if err == nil {
		t.Fatal("the cut went unnoticed")
	}
	redistest.WaitBlocked(t, server, 1) // the server has noticed nothing
	use(t, l, func(c *Conn) error { _, err := c.Inspect(keys, "T", "I", 0); return err })
	server.Push(t, "q:T", "x")
	if diff := cmp.Diff([]string{"x"}, server.List(t, "q:T")); diff != "" {
		t.Errorf("queue after a push: %s", diff)
	}
}
