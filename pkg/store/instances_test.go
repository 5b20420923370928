package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sample = Instance{
	ID: "host.1", Host: "host", MachineID: "m", BootID: "b", PIDNamespace: "p", PID: 7, StartTime: 9, Version: "2",
	Types: map[string]InstanceType{"T": {Lists: 4}, "U": {Lists: 2, FailOnCrash: true, FailedTTL: 60}},
}

func TestRegisterAndForget(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error { return c.Register(keys, sample, 30*time.Second) })
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
	err := l.Use(t.Context(), func(c *Conn) error { return c.Register(keys, sample, 30*time.Second) })
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
