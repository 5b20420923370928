package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
)

// join connects the watch of an instance and asks for duty.
func join(t *testing.T, id string) *Watch {
	t.Helper()
	w, err := NewClient(Options{Network: "unix", Address: server.Socket, Instance: id}).Watch(t.Context(), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // some are closed already
	return w
}

func duty(t *testing.T, w *Watch) int {
	t.Helper()
	rank, on, err := w.Duty()
	if err != nil {
		t.Fatal(err)
	}
	if !on {
		return -1
	}
	return rank
}

// onDutyNow returns the instances on duty, by name.
func onDutyNow(t *testing.T) []string {
	t.Helper()
	members, err := redis.Strings(server.Do(t, "SMEMBERS", keys.Duty()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(members))
}

// At most one of each host, at least two of all, and three hosts are enough.
func TestDutyIsForAFewHosts(t *testing.T) {
	server.Flush(t)
	for _, tt := range []struct {
		id   string
		rank int
	}{
		{"one-2", 0}, {"one-1", 0}, {"one-3", -1}, {"two-1", 2}, {"three-1", 2}, {"four-1", -1}, {"one-4", -1}, {"two-2", -1},
	} {
		if got := duty(t, join(t, tt.id)); got != tt.rank {
			t.Errorf("%s: %d, want %d", tt.id, got, tt.rank)
		}
	}
	if diff := cmp.Diff([]string{"one-1", "one-2", "three-1", "two-1"}, onDutyNow(t)); diff != "" {
		t.Error(diff)
	}
}

// An instance that leaves, or is gone, is replaced by the next one that asks. Redis reports
// to all of them when an instance comes or goes, and nothing else.
func TestDutyOfThoseThatAreGone(t *testing.T) {
	server.Flush(t)
	server.Do(t, "SADD", keys.Duty(), "forged-1", "forged-2", "forged-3", "no host")
	watches := make(map[string]*Watch)
	for _, host := range []string{"a", "b", "c", "d"} {
		watches[host] = join(t, host+"-1")
		duty(t, watches[host])
	}
	if diff := cmp.Diff([]string{"a-1", "b-1", "c-1"}, onDutyNow(t)); diff != "" {
		t.Error(diff)
	}
	spare := watches["d"]
	leaving := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "a-1"}).Link()
	defer leaving.Close()
	use(t, leaving, func(c *Conn) error { return c.Deregister(keys, "a-1") })
	if n := next(t, spare); n.Change == nil || !n.Change.Duty {
		t.Errorf("heard %+v", n)
	}
	if got := duty(t, spare); got != 2 {
		t.Errorf("after the leave of another: %d", got)
	}
	if err := watches["b"].Close(); err != nil {
		t.Fatal(err)
	}
	gone := func() bool {
		count, err := redis.Values(server.Do(t, "PUBSUB", "NUMSUB", keys.Own("b-1")), nil)
		return err == nil && count[1].(int64) == 0
	}
	for deadline := time.Now().Add(time.Minute); !gone(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("redis does not see that a connection was closed")
		}
	}
	if rank := duty(t, watches["a"]); rank != 0 {
		t.Errorf("after the loss of another: %d", rank)
	}
	if diff := cmp.Diff([]string{"a-1", "c-1", "d-1"}, onDutyNow(t)); diff != "" {
		t.Error(diff)
	}
	for range 3 {
		duty(t, spare) // changes nothing
	}
	if n := next(t, spare); n.Change == nil || !n.Change.Duty {
		t.Errorf("heard %+v", n)
	}
	server.Do(t, "PUBLISH", keys.Control(), `{"cancel":"after it"}`)
	duty(t, spare)
	if n := next(t, spare); n.Order == nil {
		t.Errorf("heard %+v", n)
	}
}

// A user without permission for the channel of the instance receives everything else.
func TestDutyWithoutTheRightToBeSeen(t *testing.T) {
	server.Flush(t)
	server.Do(t, "ACL", "SETUSER", "unseen", "on", "nopass", "allkeys", "allcommands", "resetchannels", "&"+keys.Control(), "&"+invalidated)
	defer server.Do(t, "ACL", "DELUSER", "unseen")
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("any"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := NewClient(Options{Network: "unix", Address: server.Socket, Instance: "a-1", Login: Login{Username: "unseen", PasswordFile: password}}).Watch(t.Context(), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, on, err := w.Duty(); on || !errors.Is(err, &ReplyError{Code: "NOPERM"}) {
		t.Errorf("on duty: %v, %v", on, err)
	}
	server.Do(t, "PUBLISH", keys.Control(), `{"cancel":"x"}`)
	if n := next(t, w); n.Order == nil {
		t.Errorf("heard %+v", n)
	}
}

// The fence closes the subscriber of an instance, too: a machine without power sends no
// FIN. It need not have renewed its lease since it connected.
func TestDutyEndsWithAFence(t *testing.T) {
	other := open(t, server.Socket)
	i := Instance{ID: "a-1"}
	client := NewClient(Options{Network: "unix", Address: server.Socket, Instance: i.ID})
	client.OnConnect(func(c *Conn) error { return register(c, keys, i, time.Minute) })
	w, err := client.Watch(t.Context(), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }() // it is broken by then
	use(t, other, func(c *Conn) error {
		dropped, err := c.FenceInstance(keys, i.ID, time.Minute)
		if dropped != 2 {
			t.Errorf("%d connections were closed", dropped)
		}
		return err
	})
	for n := 0; err == nil; n++ {
		if _, err = w.Next(10 * time.Second); errors.Is(err, os.ErrDeadlineExceeded) || n > 10 {
			t.Fatal("the connection that listens is still open")
		}
	}
}
