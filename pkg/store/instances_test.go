package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

var sample = Instance{
	ID: "host.1", Identity: host.Identity{Hostname: "host", MachineID: "m", BootID: "b", PIDNamespace: "p", PID: 7, StartTime: 9}, Version: "2",
	Types: map[string]InstanceType{"T": {Lists: 4}, "U": {Lists: 2, FailOnCrash: true, FailedTTL: 60}},
}

// Hosts of other versions read the record.
func TestRecordKeepsItsFormat(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error { return register(c, keys, sample, time.Minute) })
	got, err := redis.String(server.Do(t, "HGET", keys.Instances(), sample.ID), nil)
	const want = `{"host":"host","machine_id":"m","boot_id":"b","pid_ns":"p","pid":7,"start_time":9,"version":"2",` +
		`"types":{"T":{"slots":4},"U":{"slots":2,"fail_on_crash":true,"failed_ttl":60}}}`
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestRegisterAndForget(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(c *Conn) error { return register(c, keys, sample, 30*time.Second) })
	use(t, l, func(c *Conn) error {
		got, invalid, err := c.Instances(keys)
		if diff := cmp.Diff([]Instance{sample}, got); diff != "" || invalid != nil {
			t.Errorf("%s %v", diff, invalid)
		}
		return err
	})
	if ttl := server.Do(t, "TTL", "q:instance:host.1").(int64); ttl < 28 || ttl > 30 {
		t.Errorf("the lease lives %d s", ttl)
	}
	use(t, l, func(c *Conn) error { return c.Deregister(keys, sample.ID) })
	if left := server.Keys(t, "*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Renewals go into an append-only file, 6 times a minute for each instance: they must
// not repeat the record, which may be large.
func TestARenewalWritesTheRecordOnlyWhereItIsNotThere(t *testing.T) {
	l := open(t, server.Socket)
	writes := func() (n int) {
		stats, _ := redis.String(server.Do(t, "INFO", "commandstats"), nil)
		_, _ = fmt.Sscanf(stats[max(0, strings.Index(stats, "cmdstat_hset:")):], "cmdstat_hset:calls=%d", &n)
		return n
	}
	renew := func(i Instance) {
		t.Helper()
		use(t, l, func(c *Conn) error { return register(c, keys, i, time.Minute) })
	}
	renew(sample)
	server.Do(t, "CONFIG", "RESETSTAT")
	renew(sample)
	renew(sample)
	if n := writes(); n != 0 {
		t.Errorf("%d writes to hashes for two renewals of what is on record", n)
	}
	changed := sample
	changed.Version = "3"
	for name, spoil := range map[string]func(){
		"it changed":                    func() {},
		"it is gone":                    func() { server.Do(t, "DEL", keys.Instances()) },
		"somebody wrote something else": func() { server.Do(t, "HSET", keys.Instances(), changed.ID, "{}") },
	} {
		spoil()
		renew(changed)
		use(t, l, func(c *Conn) error {
			got, _, err := c.Instances(keys)
			if diff := cmp.Diff([]Instance{changed}, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			return err
		})
	}
}

// An instance that was frozen learns with its first renewal that it has lost entries.
func TestARecoveryLeavesAMark(t *testing.T) {
	l := open(t, server.Socket)
	renew := func() (r Renewal) {
		use(t, l, func(c *Conn) (err error) { r, err = c.Renew(keys, Instance{ID: "I"}, time.Minute, 0); return err })
		return r
	}
	first := renew()
	if first.Takeover != "" || len(first.Server) != 40 {
		t.Errorf("%+v before anything was taken", first)
	}
	var marks []string
	for _, entry := range []string{"x", "y"} {
		server.Push(t, run0, entry)
		server.Do(t, "DEL", keys.Lease("I"))
		if got := recoverOnce(t, l, recovery(entry, func(r *Recovery) { r.Certain = false })); got != Requeued {
			t.Fatalf("got %q", got)
		}
		use(t, l, func(c *Conn) error { return c.ForgetDead(keys, "I", false) })
		marks = append(marks, renew().Takeover, renew().Takeover)
	}
	if marks[0] == "" || marks[0] != marks[1] || marks[1] == marks[2] || marks[2] != marks[3] {
		t.Errorf("marks %q, want one for each takeover", marks)
	}
	if ttl := server.Do(t, "TTL", keys.Takeover("I")).(int64); ttl < 1 {
		t.Errorf("the mark lives %d s", ttl)
	}
	use(t, l, func(c *Conn) error { return c.Deregister(keys, "I") })
	if left := server.Keys(t, "q:instance*"); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

func TestRegisterRefusedSaysWhy(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "SET", "q:instances", "of the wrong type")
	err := l.Use(t.Context(), func(c *Conn) error { return register(c, keys, sample, 30*time.Second) })
	if !errors.Is(err, &ReplyError{Code: "WRONGTYPE"}) {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableRecordsAreReportedAndLeft(t *testing.T) {
	l := open(t, server.Socket)
	server.Do(t, "HSET", "q:instances", "odd", "{")
	use(t, l, func(c *Conn) error {
		got, invalid, err := c.Instances(keys)
		if len(got) != 0 || len(invalid) != 1 {
			t.Errorf("%v %v", got, invalid)
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
