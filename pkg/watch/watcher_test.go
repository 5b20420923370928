package watch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// watching is a running watcher that is registered as an instance of its own.
type watching struct {
	*Watcher
	id    string
	proxy *redistest.Proxy
	// cancelled counts the requests to cancel.
	cancelled atomic.Int64
	// paused is set if the type T is paused, by the last notification.
	paused atomic.Bool
	stop   func()
}

// startWatcher starts a watcher that serves these types. Its host is the part of the id
// before the dash.
func startWatcher(t *testing.T, s *redistest.Server, id string, types ...string) *watching {
	t.Helper()
	w := &watching{id: id, proxy: redistest.NewProxy(t, s)}
	log := slog.New(slog.DiscardHandler)
	client := store.NewClient(store.Options{Network: "unix", Address: w.proxy.Socket, Instance: id})
	w.Watcher = New(client, loop.NewHealth(log, "here"), Options{
		Keys: store.Keys{Prefix: "q"}, Log: log, Times: store.DefaultTimes(),
		Types:  func() []string { return types },
		Paused: func(types map[string]bool) { w.paused.Store(types["T"]) },
		Cancel: func(string) int { return int(w.cancelled.Add(1)) },
	})
	record := store.Instance{ID: id, Types: make(map[string]store.InstanceType)}
	for _, name := range types {
		record.Types[name] = store.InstanceType{Lists: 2}
	}
	if err := w.client.Link().Use(t.Context(), func(c *store.Conn) error {
		defer c.Close()
		_, err := c.Register(w.Keys, record, time.Hour, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(func() {
		w.proxy.Mute(false) // otherwise it waits for answers
		w.proxy.CutAll()
		w.stop()
	})
	<-w.Tried()
	return w
}

// onDutyNow returns the instances on duty, sorted. The first moves the due entries.
func onDutyNow(t *testing.T, s *redistest.Server) []string {
	t.Helper()
	members, err := redis.Strings(s.Do(t, "SMEMBERS", store.Keys{Prefix: "q"}.Duty()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(members))
}

// arrives adds an entry that is due soon, and returns how late it is in its queue.
func arrives(t *testing.T, s *redistest.Server, taskType string) time.Duration {
	t.Helper()
	due := time.Now().Add(50 * time.Millisecond).Truncate(time.Millisecond)
	s.Do(t, "ZADD", "q:"+taskType+":delayed", due.UnixMilli(), fmt.Sprint(due.UnixNano()))
	if s.Do(t, "BLPOP", "q:"+taskType, 60) == nil {
		t.Fatalf("no entry of %s within a minute", taskType)
	}
	return time.Since(due)
}

// untilQuiet waits until the number of commands that Redis has carried out stays the same,
// and returns it.
func untilQuiet(t *testing.T, s *redistest.Server) (n int) {
	t.Helper()
	calls := func() (n int) {
		info, err := redis.String(s.Do(t, "INFO", "commandstats"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			name, rest, _ := strings.Cut(line, ":calls=")
			number, _, _ := strings.Cut(rest, ",")
			var calls int
			if _, err := fmt.Sscan(number, &calls); err == nil && name != "cmdstat_info" {
				n += calls
			}
		}
		return n
	}
	gordontest.Until(t, "redis receives no more commands", func() bool {
		before := calls()
		time.Sleep(100 * time.Millisecond)
		n = calls()
		return n == before
	})
	return n
}

// The cost of a delayed entry does not depend on the number of types, and hardly on the
// number of hosts.
func TestCostOfADelayedEntry(t *testing.T) {
	cost := func(hosts, types int) int {
		s := redistest.New(t)
		names := make([]string, types)
		for n := range names {
			names[n] = fmt.Sprint("T", n)
		}
		for n := range hosts {
			startWatcher(t, s, fmt.Sprintf("host%d-1", n), names...)
		}
		const entries = 10
		before := untilQuiet(t, s)
		for n := range entries {
			arrives(t, s, names[n%types])
		}
		return (untilQuiet(t, s) - before) / entries
	}
	small, large := cost(1, 1), cost(8, 60)
	// The producer's ZADD, the read after the change, the move, the consumer's BLPOP; and
	// for each of the two other instances on duty a read after each change.
	if small > 14 || large > small+14 {
		t.Errorf("%d commands with 1 host and 1 type, %d with 8 hosts and 60 types", small, large)
	}
}

// The instances on duty also move the entries of types that they do not serve, as soon as
// an instance with the type is registered.
func TestTypesOfOtherInstancesAreServed(t *testing.T) {
	s := redistest.New(t)
	for _, host := range []string{"a", "b", "c"} {
		startWatcher(t, s, host+"-1", "T")
	}
	d := startWatcher(t, s, "d-1", "U")
	if diff := cmp.Diff([]string{"a-1", "b-1", "c-1"}, onDutyNow(t, s)); diff != "" {
		t.Fatal(diff)
	}
	arrives(t, s, "U")
	d.stop()
	s.Do(t, "HSET", "q:instances", "d-2", `{"types":{"V":{"slots":2}}}`)
	arrives(t, s, "V")
}

// silence has the ways in which an instance can be lost.
var silence = map[string]func(*testing.T, *redistest.Server, *watching){
	"cut off":       func(_ *testing.T, _ *redistest.Server, w *watching) { w.proxy.Mute(true) },
	"without power": func(_ *testing.T, _ *redistest.Server, w *watching) { w.proxy.Mute(true); w.proxy.CutClients() },
	"stopped":       func(_ *testing.T, _ *redistest.Server, w *watching) { w.stop() },
	"killed": func(_ *testing.T, _ *redistest.Server, w *watching) {
		w.proxy.Mute(true)
		w.proxy.CutAll()
	},
	"not listening": func(t *testing.T, s *redistest.Server, _ *watching) {
		s.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	},
}

// An entry is on time although the instance that would have moved it is lost.
func TestDelayedEntriesAreOnTimeAfterALoss(t *testing.T) {
	for name, lose := range silence {
		t.Run(name, func(t *testing.T) {
			s := redistest.New(t)
			var lost []string
			instances := make(map[string]*watching)
			for _, host := range []string{"a", "b", "c", "d"} {
				instances[host+"-1"] = startWatcher(t, s, host+"-1", "T")
			}
			for range 2 { // two of three
				first := instances[slices.DeleteFunc(onDutyNow(t, s), func(id string) bool { return slices.Contains(lost, id) })[0]]
				lost = append(lost, first.id)
				due := time.Now().Add(200 * time.Millisecond)
				s.Do(t, "ZADD", "q:T:delayed", due.UnixMilli(), due.UnixMilli()) // the lost instance knows of it
				time.Sleep(50 * time.Millisecond)
				lose(t, s, first)
				if s.Do(t, "BLPOP", "q:T", 60) == nil {
					t.Fatal("no entry within a minute")
				}
				late := time.Since(due)
				late = max(late, arrives(t, s, "T"))
				// A busy machine delays it, but by far less than the next regular
				// read would.
				if late > 2*time.Second {
					t.Errorf("%v late", late)
				}
				t.Logf("%v late", late)
			}
		})
	}
}

// An instance that deregisters is replaced at once, not only with the next ping of another
// one.
func TestDutyIsHandedOn(t *testing.T) {
	s := redistest.New(t)
	instances := make(map[string]*watching)
	for _, host := range []string{"a", "b", "c", "d", "e"} {
		instances[host+"-1"] = startWatcher(t, s, host+"-1", "T")
	}
	for range 2 {
		first := instances[onDutyNow(t, s)[0]]
		began := time.Now()
		first.stop()
		if err := first.deregister(t); err != nil {
			t.Fatal(err)
		}
		gordontest.Until(t, "another is on duty", func() bool {
			now := onDutyNow(t, s)
			return len(now) == 3 && !slices.Contains(now, first.id)
		})
		took := time.Since(began)
		if took > first.Times.Ping/4 {
			t.Errorf("after %v", took)
		}
		t.Logf("after %v", took)
	}
	arrives(t, s, "T")
}

// deregister removes the record of the instance, as a stopping engine does.
func (w *watching) deregister(t *testing.T) error {
	t.Helper()
	l := w.client.Link()
	defer l.Close()
	return l.Use(t.Context(), func(c *store.Conn) error { return c.Deregister(w.Keys, w.id) })
}

// After Redis has lost all its data, three instances are on duty again.
func TestDutyAfterARestartOfRedis(t *testing.T) {
	s := redistest.New(t)
	for _, host := range []string{"a", "b", "c", "d"} {
		startWatcher(t, s, host+"-1", "T")
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Boot(); err != nil {
		t.Fatal(err)
	}
	arrives(t, s, "T")
	gordontest.Until(t, "three are on duty", func() bool { return len(onDutyNow(t, s)) == 3 })
	s.Do(t, "FLUSHALL")
	arrives(t, s, "T")
	gordontest.Until(t, "three are on duty", func() bool { return len(onDutyNow(t, s)) == 3 })
}

// A key of the wrong type in place of the duty, or of the hash of instances, makes delayed
// entries more expensive, but none is late.
func TestDelayedEntriesWithoutDuty(t *testing.T) {
	for _, key := range []string{"q:instances:duty", "q:instances"} {
		s := redistest.New(t)
		a := startWatcher(t, s, "a-1", "T")
		b := startWatcher(t, s, "b-1", "U")
		s.Do(t, "DEL", key)
		s.Do(t, "RPUSH", key, "a list")
		for range 3 {
			arrives(t, s, "T")
			arrives(t, s, "U")
		}
		for _, w := range []*watching{a, b} {
			w.proxy.CutAll()
			gordontest.Until(t, "the refusal is reported", func() bool { return w.health.State() == "refuses (WRONGTYPE)" })
		}
		arrives(t, s, "T")
		arrives(t, s, "U")
		s.Do(t, "DEL", key)
		for _, w := range []*watching{a, b} {
			gordontest.Until(t, "redis is usable again", func() bool { return w.health.State() == "ok" })
		}
	}
}

// A request to cancel takes effect at once, however many changes come before it.
func TestCancelDuringAFloodOfChanges(t *testing.T) {
	s := redistest.New(t)
	types := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	w := startWatcher(t, s, "a-1", types...)
	c := s.Conn(t)
	began := time.Now()
	flood := func() {
		for n, name := range types {
			if err := c.Send("ZADD", "q:"+name+":delayed", 1e15, fmt.Sprint(time.Since(began), n)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Do(""); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond) // 2000 changes a second
	defer tick.Stop()
	for time.Since(began) < 2*time.Second {
		flood()
		<-tick.C
	}
	ordered := time.Now()
	s.Do(t, "PUBLISH", "q:control", `{"cancel":"x"}`)
	for w.cancelled.Load() == 0 {
		if time.Since(ordered) > 20*time.Second {
			t.Fatal("the task is not cancelled")
		}
		flood()
		<-tick.C
	}
	if took := time.Since(ordered); took > time.Second {
		t.Errorf("the task was cancelled after %v", took)
	}
}

// Entries are on time although Redis closes idle connections (timeout).
func TestDelayedEntriesWithATimeoutOfRedis(t *testing.T) {
	s := redistest.New(t, "--timeout", "1")
	w := startWatcher(t, s, "a-1", "T")
	for range 3 {
		time.Sleep(1500 * time.Millisecond) // Redis closes the idle connections
		if late := arrives(t, s, "T"); late > time.Second {
			t.Errorf("%v late", late)
		}
	}
	time.Sleep(1500 * time.Millisecond)
	began := time.Now()
	s.Do(t, "SADD", "q:paused", "T")
	gordontest.Until(t, "the type is paused", w.paused.Load)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the type was paused after %v", took)
	}
}
