package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// nobody is an address at which nobody listens (tcpmux, RFC 1078).
const nobody = "127.0.0.1:1"

// What a failover looks like to a whole daemon is in internal/faulttest.
func TestSentinelTellsTheMaster(t *testing.T) {
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

// The sentinels have a password of their own; that of Redis is not sent to them.
func TestSentinelWithAPassword(t *testing.T) {
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

// A demoted master answers READONLY: its connection is given up, and the next one
// goes to where the master is now.
func TestDemotedMasterIsLeft(t *testing.T) {
	cluster := redistest.StartCluster(t, 0, 1)
	master := cluster.Master(t)
	l := NewClient(Options{Network: "tcp", Instance: "test", Sentinel: Sentinel{Addresses: cluster.Sentinels, Master: redistest.MasterName}}).Link()
	defer l.Close()
	var first, second ref
	push := func(c *Conn) error { _, err := c.do("RPUSH", "q:T", "x"); return err }
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
