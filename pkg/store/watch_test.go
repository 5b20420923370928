package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// silence is long: no test waits for it.
const silence = time.Minute

func openWatch(t *testing.T) *Watch {
	t.Helper()
	server.Flush(t)
	w, err := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "watch"}).Watch(t.Context(), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func watch(t *testing.T) *Watch {
	t.Helper()
	w := openWatch(t)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// state reads all that a watch reads, and returns the state of these types.
func state(t *testing.T, w *Watch, types ...string) map[string]Due {
	t.Helper()
	_, err := w.Paused()
	if err == nil {
		_, err = w.Types()
	}
	if err == nil {
		_, _, err = w.Duty()
	}
	if err != nil {
		t.Fatal(err)
	}
	state := make(map[string]Due)
	for len(types) > 0 {
		due, err := w.MoveDue(types)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range due {
			state[d.Type] = d
		}
		types = types[len(due):]
	}
	return state
}

// next returns the next news, except answers to a Ping.
func next(t *testing.T, w *Watch) News {
	t.Helper()
	for {
		n, err := w.Next(silence)
		if err != nil {
			t.Fatal(err)
		}
		if n.Change != nil || n.Order != nil || n.Malformed != nil {
			return n
		}
	}
}

// Redis reports changes by any client, also of keys that did not exist.
func TestWatchHearsOfChanges(t *testing.T) {
	w := watch(t)
	for _, tt := range []struct {
		change string
		want   Change
	}{
		{"SADD q:paused T", Change{Paused: true}},
		{"SREM q:paused T", Change{Paused: true}},
		{"ZADD q:T:delayed 1e15 x", Change{Delayed: []string{"T"}}},
		{"ZADD q:T:delayed 1e14 y", Change{Delayed: []string{"T"}}},
		{"DEL q:T:delayed", Change{Delayed: []string{"T"}}},
		{"ZADD q:U:delayed 1e15 x", Change{Delayed: []string{"U"}}},
		{"ZADD q:T:delayed:delayed 1e15 x", Change{Delayed: []string{"T:delayed"}}},
		{"HSET q:instances x {}", Change{Instances: true}},
		{"SREM q:instances:duty watch", Change{Duty: true}},
		{"FLUSHALL", Change{All: true}},
	} {
		state(t, w, "T", "U", "T:delayed")
		words := strings.Fields(tt.change)
		args := make([]any, 0, len(words))
		for _, word := range words[1:] {
			args = append(args, word)
		}
		server.Do(t, words[0], args...)
		if diff := cmp.Diff(&tt.want, next(t, w).Change); diff != "" {
			t.Errorf("%s: %s", tt.change, diff)
		}
	}
}

func TestWatchReads(t *testing.T) {
	w := watch(t)
	server.Do(t, "SADD", keys.Paused(), "P", "Q")
	server.Do(t, "HSET", keys.Instances(), "a", `{"types":{"T":{"slots":2},"U":{"slots":2}}}`, "b", `{"types":{"T":{"slots":2},"S":{}}}`, "c", "no JSON")
	paused, err := w.Paused()
	if diff := cmp.Diff(map[string]bool{"P": true, "Q": true}, paused); err != nil || diff != "" {
		t.Error(diff, err)
	}
	types, err := w.Types()
	if diff := cmp.Diff([]string{"S", "T", "U"}, types); err != nil || diff != "" {
		t.Error(diff, err)
	}
}

// A waiting entry may be large. It is not sent each time that something has changed.
func TestWatchLooksAtNoEntry(t *testing.T) {
	w := watch(t)
	const size = 4 << 20
	server.Do(t, "ZADD", keys.Delayed("T"), 1e15, strings.Repeat("x", size))
	sent := func() (n int) {
		info, err := redis.String(server.Do(t, "INFO", "stats"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "total_net_output_bytes:")
		if _, err := fmt.Sscan(rest, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := sent()
	if d := state(t, w, "T")["T"].Wait; !d.Any || d.Left != farthest {
		t.Errorf("due: %+v", d)
	}
	if n := sent() - before; n > size/2 {
		t.Errorf("%d bytes were sent", n)
	}
}

// Redis does not report the changes of the watch itself, only those of others. A set from
// which the watch has moved an entry is still watched.
func TestWatchDoesNotHearItself(t *testing.T) {
	w := watch(t)
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	if d := state(t, w, "T")["T"]; d.Moved != 1 {
		t.Fatalf("moved %+v", d)
	}
	server.Do(t, "PUBLISH", keys.Control(), `{"cancel":"after it"}`)
	if n := next(t, w); n.Order == nil {
		t.Errorf("heard %+v", n)
	}
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	if n := next(t, w); n.Change == nil || len(n.Change.Delayed) != 1 {
		t.Errorf("heard %+v", n)
	}
}

func TestWatchHearsOrders(t *testing.T) {
	w := watch(t)
	for message, want := range map[string]News{
		`{"cancel":"web-1234abcd.mail.7"}`: {Order: &Order{Cancel: "web-1234abcd.mail.7"}},
		`{"cancel":"a","more":1}`:          {Order: &Order{Cancel: "a"}},
		`{"cancel":""}`:                    {Malformed: []byte(`{"cancel":""}`)},
		`{"cancel":5}`:                     {Malformed: []byte(`{"cancel":5}`)},
		`cancel a`:                         {Malformed: []byte(`cancel a`)},
	} {
		for _, channel := range []string{keys.Control(), keys.Own("watch")} {
			server.Do(t, "PUBLISH", channel, message)
			if diff := cmp.Diff(want, next(t, w)); diff != "" {
				t.Errorf("%s: %s", message, diff)
			}
		}
	}
}

// A Ping is answered on both connections, and no news.
func TestWatchPing(t *testing.T) {
	w := watch(t)
	if err := w.Ping(); err != nil {
		t.Fatal(err)
	}
	n, err := w.Next(silence)
	if err != nil || n.Change != nil || n.Order != nil || n.Malformed != nil {
		t.Errorf("heard %+v, %v", n, err)
	}
}

func TestWatchLossIsSeen(t *testing.T) {
	w := openWatch(t)
	defer func() { _ = w.Close() }() // it is broken: closing would return the same error
	heard := make(chan error, 1)
	go func() {
		_, err := w.Next(silence)
		heard <- err
	}()
	server.Do(t, "CLIENT", "KILL", "ID", w.subscriber.conn.ID())
	if err := <-heard; err == nil {
		t.Error("Next goes on after the loss of its connection")
	}
	server.Do(t, "CLIENT", "KILL", "ID", w.reader.conn.ID())
	if err := w.Ping(); err == nil {
		t.Error("Ping is well after the loss of both connections")
	}
}

// A watch whose server became a replica is stale. If its connection was lost while it was
// idle, the error wraps ErrIdleConnLost.
func TestWatchAtTheWrongPlace(t *testing.T) {
	server.Flush(t)
	c := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "watch"})
	w, err := c.Watch(t.Context(), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	server.Do(t, "REPLICAOF", "127.0.0.1", "1")
	due, err := w.MoveDue([]string{"T"})
	server.Do(t, "REPLICAOF", "NO", "ONE")
	if err == nil {
		err = due[0].Refused
	}
	if !errors.Is(err, &ReplyError{Code: "READONLY"}) || !w.Stale() {
		t.Errorf("got %v, stale: %v", err, w.Stale())
	}
	var another int64
	lost := c.Link()
	defer lost.Close()
	use(t, lost, func(c *Conn) error { another = c.conn.ID(); return nil })
	for _, id := range []int64{another, w.reader.conn.ID()} {
		server.Do(t, "CLIENT", "KILL", "ID", id)
	}
	if err := lost.Use(t.Context(), func(c *Conn) error { _, err := c.Paused(keys); return err }); err == nil {
		t.Fatal("the loss of another connection went unnoticed")
	}
	if _, err := w.Paused(); !errors.Is(err, ErrIdleConnLost) {
		t.Errorf("got %v, want %v", err, ErrIdleConnLost)
	}
}

// wantIdle fails the test if the work is over and still counts as busy.
func wantIdle(t *testing.T, after string, busy *Busy) {
	t.Helper()
	if until := busy.Until(); !until.IsZero() {
		t.Errorf("after %s it is busy for another %v", after, time.Until(until))
	}
}

// A watch is busy while it asks, but not while it only listens: that is done in a
// goroutine of its own.
func TestWatchIsBusyWhileItAsks(t *testing.T) {
	server.Flush(t)
	p := redistest.NewProxy(t, server)
	var busy Busy
	w, err := NewClient(Options{Network: "unix", Address: p.Socket, Instance: "watch"}).Watch(t.Context(), keys, &busy)
	if err != nil {
		t.Fatal(err)
	}
	wantIdle(t, "connecting", &busy)
	p.Decide(func(request []byte) redistest.Fault {
		if d := time.Until(busy.Until()); d <= 0 || d > 6*time.Second {
			t.Errorf("during %.20q it is busy for another %v", request, d)
		}
		return 0
	})
	for name, ask := range map[string]func() error{
		"Paused":  func() error { _, err := w.Paused(); return err },
		"Types":   func() error { _, err := w.Types(); return err },
		"MoveDue": func() error { _, err := w.MoveDue([]string{"T"}); return err },
		"Duty":    func() error { _, _, err := w.Duty(); return err },
		"Ping":    w.Ping,
	} {
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantIdle(t, name, &busy)
	}
	if _, err := w.Next(time.Hour); err != nil { // the answer to the ping
		t.Error(err)
	}
	wantIdle(t, "Next", &busy)
	p.Decide(nil)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	wantIdle(t, "Close", &busy)
}
