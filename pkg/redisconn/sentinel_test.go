package redisconn

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// nobody is an address at which nobody listens (tcpmux, RFC 1078).
const nobody = "127.0.0.1:1"

// The tests of a failover with a whole daemon are in internal/faulttest.
func TestSentinelTellsTheMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 0, 1)
	known := Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}
	if user, err := ask(t, Options{Network: "tcp", Sentinel: known}); user != "default" || err != nil {
		t.Errorf("got %q, %v", user, err)
	}

	known.Addresses = slices.Insert(slices.Clone(known.Addresses), 0, nobody)
	if _, err := ask(t, Options{Network: "tcp", Sentinel: known}); err != nil {
		t.Errorf("the first sentinel is down: %v", err)
	}

	unknown := Sentinel{Addresses: cluster.Sentinels, Master: "another"}
	_, err := ask(t, Options{Network: "tcp", Sentinel: unknown})
	if !errors.Is(err, ErrNoMaster) || !strings.Contains(err.Error(), "another") || !strings.Contains(err.Error(), cluster.Sentinels[0]) {
		t.Errorf("an unknown master: %v", err)
	}

	down := Sentinel{Addresses: []string{nobody, "127.0.0.1:2"}, Master: "main"}
	_, err = ask(t, Options{Network: "tcp", Sentinel: down})
	if err == nil || Refused(err) || !strings.Contains(err.Error(), nobody) || !strings.Contains(err.Error(), "127.0.0.1:2") {
		t.Errorf("no sentinel is up: %v", err)
	}
}

// Many sentinels accept connections and never answer. Together they must not take so long
// that the caller counts as hanging.
func TestManySilentSentinels(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := Options{Network: "tcp", CommandTimeout: 500 * time.Millisecond}
	o.Sentinel = Sentinel{Addresses: slices.Repeat([]string{l.Addr().String()}, 40), Master: redistest.MasterName}
	began := time.Now()
	if _, err := NewClient(o).Dial(t.Context(), nil); err == nil || Refused(err) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 10*o.CommandTimeout {
		t.Errorf("took %v with a time-out of %v", took, o.CommandTimeout)
	}
}

// The sentinels have a password of their own; that of Redis is not sent to them.
func TestSentinelWithAPassword(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 0, 1)
	cluster.Guard(t, secret+"!")
	o := Options{Network: "tcp", Sentinel: Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}}
	if _, err := ask(t, o); !errors.Is(err, &ReplyError{Code: "NOAUTH"}) {
		t.Errorf("without a password: %v", err)
	}
	o.Sentinel.Login.PasswordFile = passwordFile(t, secret, 0o600)
	if _, err := ask(t, o); !errors.Is(err, &ReplyError{Code: "WRONGPASS"}) || strings.Contains(err.Error(), secret) {
		t.Errorf("with the wrong one: %v", err)
	}
	o.Sentinel.Login.PasswordFile = passwordFile(t, secret+"!", 0o600)
	if _, err := ask(t, o); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}

// A demoted master answers READONLY: its connection is given up, and the next one goes to
// the new master.
func TestDemotedMasterIsLeft(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 0, 1)
	master := cluster.Master(t)
	l := NewClient(Options{Network: "tcp", Instance: "test", Sentinel: Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}}).Link(false)
	defer l.Close()
	var first, second ref
	push := func(c *Conn) error { _, err := c.Do("RPUSH", "q:T", "x"); return err }
	use(t, l, func(c *Conn) error { first = c.ref; return push(c) })
	master.Do(t, "REPLICAOF", "127.0.0.1", "1")
	if err := l.Use(t.Context(), push); !errors.Is(err, &ReplyError{Code: "READONLY"}) {
		t.Fatalf("got %v", err)
	}
	master.Do(t, "REPLICAOF", "NO", "ONE")
	use(t, l, func(c *Conn) error { second = c.ref; return push(c) })
	if first.name == second.name {
		t.Error("the connection to the demoted master is still used")
	}
	if got := master.List(t, "q:T"); len(got) != 2 {
		t.Errorf("the list holds %v", got)
	}
}

// A blocking command at the old master ends when the sentinels report another one, although
// the old one still works. Later commands go to the new one.
func TestSentinelWatchLeavesTheOldMaster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 1, 1)
	old := cluster.Master(t)
	c := NewClient(Options{Network: "tcp", Instance: "test", Sentinel: Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}})
	w, err := c.WatchSentinel(t.Context(), cluster.Sentinels[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	waits, rests := c.Link(false), c.Link(false)
	defer waits.Close()
	defer rests.Close()
	var former string
	use(t, rests, func(c *Conn) error { former = c.address; return nil })
	var wg sync.WaitGroup
	wg.Go(func() {
		err := waits.Use(t.Context(), func(c *Conn) error {
			_, err := c.DoBlocking(t.Context(), time.Hour, "BLMOVE", "q:T", "q:T:run:a:0", "LEFT", "RIGHT", time.Hour.Seconds())
			return err
		})
		if !errors.Is(err, ErrMoved) {
			t.Errorf("the take that waited: %v, want %v", err, ErrMoved)
		}
	})
	redistest.WaitBlocked(t, old, 1)
	cluster.Failover(t)
	for w.Master() == former {
		if err := w.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for _, l := range []*Link{waits, rests} {
		use(t, l, func(c *Conn) error {
			if c.address != w.Master() || c.address == former {
				t.Errorf("a connection to %s, the master is %s and was %s", c.address, w.Master(), former)
			}
			return nil
		})
	}
}

// The answer of a sentinel is outdated if the master moved meanwhile.
func TestConnectionThatCameTooLateIsNotKept(t *testing.T) {
	var s sentinels
	_, changes := s.order()
	s.moved("new")
	for address, want := range map[string]bool{"old": false, "new": true} {
		if got := s.keep(&Conn{address: address}, location{address, changes}); got != want {
			t.Errorf("%s: kept %v", address, got)
		}
	}
}

// The end of ctx ends the wait for news.
func TestSentinelWatchEnds(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 0, 1)
	c := NewClient(Options{Network: "tcp", Sentinel: Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}})
	w, err := c.WatchSentinel(t.Context(), cluster.Sentinels[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := w.Next(ctx); err == nil {
		t.Error("no error")
	}
}
