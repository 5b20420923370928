package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
)

func TestClientOf(t *testing.T) {
	for line, want := range map[string]string{
		"id=7 addr=/tmp/s:0 laddr=/tmp/s:0 fd=9 name=gordon/web-1/3 age=0 idle=0 flags=N": "7",
		"id=8 addr=/tmp/s:0 name=gordon/web-10/3 age=0":                                   "",
		"id=9 addr=/tmp/s:0 name= age=0":                                                  "",
		"name=gordon/web-1/3":                                                             "",
		"":                                                                                "",
	} {
		id, ours := clientOf(line, "gordon/web-1/")
		if ours != (want != "") || ours && id != want {
			t.Errorf("%q gives %q, %v", line, id, ours)
		}
	}
}

// dialAs returns the client of an instance that puts itself on record, and a link that
// has connected.
func dialAs(t *testing.T, i Instance) (*Client, *Link) {
	t.Helper()
	c := NewClient(Options{Network: "unix", Address: server.Socket, Instance: i.ID})
	c.OnConnect(func(c *Conn) error { return register(c, keys, i, time.Minute) })
	l := c.Link()
	t.Cleanup(func() { _ = l.Close() }) // it may have been fenced
	use(t, l, func(*Conn) error { return nil })
	return c, l
}

// idOf returns the id of the connection of a link.
func idOf(t *testing.T, l *Link) (id int64) {
	t.Helper()
	use(t, l, func(c *Conn) error { id = c.conn.ID(); return nil })
	return id
}

// Two hosts may look at once: one closes the connections, so that the other finds none.
// Neither moves an entry before the instance had its time to come back.
func TestASuspectHasTimeWhoeverLooks(t *testing.T) {
	b, c := open(t, server.Socket), NewClient(Options{Network: "unix", Address: server.Socket, Instance: "c"}).Link()
	defer c.Close()
	dialAs(t, sample)
	server.Do(t, "DEL", keys.Lease(sample.ID))
	run := keys.Run("T", sample.ID, 1)
	server.Push(t, run, "x")
	const revival = 300 * time.Millisecond
	var fenced time.Time
	for i, l := range []*Link{b, c} {
		use(t, l, func(c *Conn) error {
			dropped, err := c.FenceInstance(keys, sample.ID, revival)
			if (dropped == 1) != (i == 0) {
				t.Errorf("host %d dropped %d connections", i, dropped)
			}
			return err
		})
		fenced = time.Now()
	}
	attempt := func() (got Recovered) {
		return recoverOnce(t, c, recovery("x", func(r *Recovery) { r.Dead, r.List = sample.ID, 1 }))
	}
	if got := attempt(); got != RecoveredAlive {
		t.Errorf("at once: %q", got)
	}
	use(t, c, func(c *Conn) error { return c.ForgetDead(keys, sample.ID, true) })
	if n := server.Do(t, "HEXISTS", keys.Instances(), sample.ID).(int64); n != 1 {
		t.Error("it is off the record")
	}
	use(t, c, func(c *Conn) error {
		lives, err := c.Lives(keys, sample.ID, true)
		if !lives {
			t.Error("it does not count as living")
		}
		return err
	})
	got := attempt()
	for ; got == RecoveredAlive; got = attempt() {
		time.Sleep(5 * time.Millisecond)
	}
	if d := time.Since(fenced); got != Requeued || d < revival-50*time.Millisecond {
		t.Errorf("%q after %v", got, d)
	}
}

// The cost of a fence for the server must not depend on the clients of others.
func TestFencingLooksAtTheInstancesConnectionsAlone(t *testing.T) {
	l := open(t, server.Socket)
	dead, _ := dialAs(t, sample)
	second := dead.Link()
	defer func() { _ = second.Close() }() // it is broken by then
	use(t, second, func(*Conn) error { return nil })
	ids, err := redis.Strings(server.Do(t, "HKEYS", keys.Connections(sample.ID)), nil)
	if err != nil || len(ids) != 2 {
		t.Fatalf("on record are %q, %v", ids, err)
	}
	server.Do(t, "CONFIG", "SET", "slowlog-log-slower-than", 0)
	server.Do(t, "SLOWLOG", "RESET")
	use(t, l, func(c *Conn) error {
		dropped, err := c.FenceInstance(keys, sample.ID, time.Minute)
		if dropped != 2 {
			t.Errorf("dropped %d connections", dropped)
		}
		return err
	})
	log := fmt.Sprintf("%s", server.Do(t, "SLOWLOG", "GET", 100))
	server.Do(t, "CONFIG", "SET", "slowlog-log-slower-than", 10000)
	if !strings.Contains(log, "LIST ID "+ids[0]) || strings.Contains(log, "LIST]") {
		t.Errorf("asked was %s", log)
	}
}

// Redis may have lost the record of the connections, or an id may belong to another client:
// a server that was restarted gives ids again.
func TestFencingWithoutARecordOfTheConnections(t *testing.T) {
	l := open(t, server.Socket)
	use(t, l, func(*Conn) error { return nil }) // connects
	for name, forge := range map[string]func(){
		"no record": func() { server.Do(t, "DEL", keys.Connections(sample.ID)) },
		"another client's id": func() {
			server.Do(t, "HSET", keys.Connections(sample.ID), idOf(t, l), "", "no number", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dialAs(t, sample)
			forge()
			use(t, l, func(c *Conn) error {
				dropped, err := c.FenceInstance(keys, sample.ID, time.Minute)
				if dropped != 1 {
					t.Errorf("dropped %d connections", dropped)
				}
				return err
			})
		})
	}
}

func TestClosedConnectionsLeaveTheRecord(t *testing.T) {
	l := open(t, server.Socket)
	client, first := dialAs(t, sample)
	use(t, l, func(*Conn) error { return nil })
	second := client.Link()
	defer second.Close()
	use(t, second, func(*Conn) error { return nil })
	stays := idOf(t, second)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	renew := func() {
		t.Helper()
		use(t, second, func(c *Conn) error { _, err := c.Renew(keys, sample, time.Minute, 0); return err })
		ids, err := redis.Strings(server.Do(t, "HKEYS", keys.Connections(sample.ID)), nil)
		if diff := cmp.Diff([]string{fmt.Sprint(stays)}, ids); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	renew()
	server.Do(t, "DEL", keys.Connections(sample.ID)) // Redis may lose it
	renew()
}

// Somebody has put keys of another type in place of Gordon's. Instances still renew their
// leases, and entries are still recovered.
func TestForeignKeysStopNeitherRenewalNorRecovery(t *testing.T) {
	l := open(t, server.Socket)
	foreign := func() {
		for _, key := range []string{keys.Connections("I"), keys.Takeover("I")} {
			server.Do(t, "DEL", key)
			server.Push(t, key, "of somebody else")
		}
	}
	foreign()
	use(t, l, func(c *Conn) error { _, err := c.Renew(keys, Instance{ID: "I"}, time.Minute, 0); return err })
	foreign()
	use(t, l, func(c *Conn) error { _, err := c.FenceInstance(keys, "I", time.Minute); return err })
	foreign()
	server.Push(t, run0, "x")
	if got := recoverOnce(t, l, recovery("x")); got != Requeued {
		t.Errorf("got %q", got)
	}
	use(t, l, func(c *Conn) error {
		r, err := c.Renew(keys, Instance{ID: "I"}, time.Minute, 0)
		if r.Takeover == "" {
			t.Error("no mark is left")
		}
		return err
	})
}
