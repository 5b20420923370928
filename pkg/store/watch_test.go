package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
)

// silence is long: no test waits for it.
const silence = time.Minute

func openWatch(t *testing.T) *Watch {
	t.Helper()
	server.Flush(t)
	w, err := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "watch"}).Watch(t.Context(), keys)
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

func look(t *testing.T, w *Watch, types ...string) State {
	t.Helper()
	s, err := w.Look(types)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next returns the next news that are more than an answer to a Ping.
func next(t *testing.T, w *Watch) News {
	t.Helper()
	for {
		n, err := w.Next(silence)
		if err != nil {
			t.Fatal(err)
		}
		if n.Changed || n.Order != nil || n.Malformed != nil {
			return n
		}
	}
}

// Anybody's change of what was read is told, also of what did not exist.
func TestWatchHearsOfChanges(t *testing.T) {
	w := watch(t)
	for _, change := range [][]any{
		{"SADD", keys.Paused(), "T"},
		{"SREM", keys.Paused(), "T"},
		{"ZADD", keys.Delayed("T"), 1e15, "x"},
		{"ZADD", keys.Delayed("T"), 1e14, "y"},
		{"DEL", keys.Delayed("T")},
		{"FLUSHALL"},
	} {
		look(t, w, "T", "U")
		server.Do(t, change[0].(string), change[1:]...)
		if n := next(t, w); !n.Changed {
			t.Errorf("%v: heard %+v", change, n)
		}
	}
}

func TestWatchLooks(t *testing.T) {
	w := watch(t)
	server.Do(t, "SADD", keys.Paused(), "P", "Q")
	server.Do(t, "ZADD", keys.Delayed("due"), 1, "x")
	server.Do(t, "ZADD", keys.Delayed("later"), time.Now().Add(time.Hour).UnixMilli(), "x")
	server.Push(t, keys.Delayed("wrong"), "a list")
	s := look(t, w, "due", "later", "none", "wrong")
	if diff := cmp.Diff(map[string]bool{"P": true, "Q": true}, s.Paused); diff != "" {
		t.Error(diff)
	}
	if d := s.Due["due"]; !d.Any || d.Left != 0 {
		t.Errorf("due: %+v", d)
	}
	if d := s.Due["later"]; !d.Any || d.Left < 50*time.Minute || d.Left > time.Hour {
		t.Errorf("later: %+v", d)
	}
	if d := s.Due["none"]; d.Any {
		t.Errorf("none: %+v", d)
	}
	if _, ok := s.Due["wrong"]; ok || !Refused(s.Refused) {
		t.Errorf("a list: %+v, %v", s.Due["wrong"], s.Refused)
	}
}

// An entry that waits may be large, and is not sent whenever something has changed.
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
	if d := look(t, w, "T").Due["T"]; !d.Any || d.Left != farthest {
		t.Errorf("due: %+v", d)
	}
	if n := sent() - before; n > size/2 {
		t.Errorf("%d bytes were sent", n)
	}
}

// What the watch itself moves is no news: only the change of another is.
func TestWatchDoesNotHearItself(t *testing.T) {
	w := watch(t)
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	look(t, w, "T")
	if n, err := w.MoveDue("T"); n != 1 || err != nil {
		t.Fatalf("moved %d, %v", n, err)
	}
	look(t, w, "T")
	server.Do(t, "PUBLISH", keys.Control(), `{"cancel":"after it"}`)
	if n := next(t, w); n.Order == nil {
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
		server.Do(t, "PUBLISH", keys.Control(), message)
		if diff := cmp.Diff(want, next(t, w)); diff != "" {
			t.Errorf("%s: %s", message, diff)
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
	if err != nil || n.Changed || n.Order != nil || n.Malformed != nil {
		t.Errorf("heard %+v, %v", n, err)
	}
}

func TestWatchLossIsSeen(t *testing.T) {
	w := openWatch(t)
	defer func() { _ = w.Close() }() // it is broken: closing can only say so again
	heard := make(chan error, 1)
	go func() {
		_, err := w.Next(silence)
		heard <- err
	}()
	server.Do(t, "CLIENT", "KILL", "ID", w.ear.ref.id)
	if err := <-heard; err == nil {
		t.Error("Next goes on after the loss of its connection")
	}
	server.Do(t, "CLIENT", "KILL", "ID", w.reader.ref.id)
	if err := w.Ping(); err == nil {
		t.Error("Ping is well after the loss of both connections")
	}
}

// A watch whose server became a replica has to be made anew; one whose connection
// was lost while it rested, without a word of what is over.
func TestWatchAtTheWrongPlace(t *testing.T) {
	w := openWatch(t)
	defer w.Close()
	server.Do(t, "ZADD", keys.Delayed("T"), 1, "x")
	server.Do(t, "REPLICAOF", "127.0.0.1", "1")
	_, err := w.MoveDue("T")
	server.Do(t, "REPLICAOF", "NO", "ONE")
	if !errors.Is(err, &ReplyError{Code: "READONLY"}) || !w.Stale() {
		t.Errorf("got %v, stale: %v", err, w.Stale())
	}
	now := time.Now()
	w.reader.client.broke.Store(&now)
	server.Do(t, "CLIENT", "KILL", "ID", w.reader.ref.id)
	if _, err := w.Look(nil); !errors.Is(err, ErrRested) {
		t.Errorf("got %v, want %v", err, ErrRested)
	}
}
