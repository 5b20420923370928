package taskqueue

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// testLease is short enough for a test, and long enough that a busy machine
// does not lose it by accident.
const testLease = 3 * time.Second

func elsewhere(i *store.Instance) {
	i.MachineID, i.BootID = "another machine", "another boot"
	i.Types = map[string]store.InstanceType{"T": {Lists: 2}}
}

// Another machine counts as dead when its lease is gone and this side was
// connected throughout: not before.
func TestAnotherMachinesEntriesComeBackWhenItsLeaseIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.times.Lease = testLease
	r.onRecord("far", elsewhere)
	r.server.Do(t, "DEL", "q:instance:far")
	// It may only be cut off: this is not the third death.
	r.server.Push(t, "q:T:run:far:1", fmt.Sprintf(`{"gordon":{"attempts":0,"crashes":2,"crashed_since":%d}}`, time.Now().Unix()-60))
	r.task("T", `touch "$D/ran"`)
	began := time.Now()
	r.start()
	r.until("it ran", func() bool { return r.exists("ran") })
	if d := time.Since(began); d < testLease {
		t.Errorf("recovered after %v, though nobody could know before %v", d, testLease)
	}
	r.until("it is off the record", func() bool { return r.server.Do(t, "HEXISTS", "q:instances", "far").(int64) == 0 })
}

// far leaves an instance of another machine on record whose lease is gone, with an
// entry, and starts a pool behind a proxy.
func far(t *testing.T) (*rig, *redistest.Proxy) {
	t.Helper()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.times.Lease = testLease
	r.config.RedisAddress = p.Socket
	r.onRecord("far", elsewhere)
	r.server.Do(t, "DEL", "q:instance:far")
	r.server.Push(t, "q:T:run:far:1", "{}")
	r.task("T", `touch "$D/ran"`)
	r.start()
	return r, p
}

// Where this instance could not renew its own lease, others could not either.
func TestAGapInTheOwnRenewalsStartsTheWaitAnew(t *testing.T) {
	t.Parallel()
	r, p := far(t)
	cut(p)
	began := time.Now()
	r.until("the gap is too long", func() bool { return time.Since(began) > r.times.Gap()+r.times.Renewal() })
	p.Decide(nil)
	healed := time.Now()
	r.until("it ran", func() bool { return r.exists("ran") })
	if d := time.Since(healed); d < testLease {
		t.Errorf("recovered %v after the gap", d)
	}
}

// Redis closes idle connections ("timeout"), and so do firewalls: the age of one
// connection means nothing.
func TestConnectionsThatAreCutDoNotKeepTheDeadAlive(t *testing.T) {
	t.Parallel()
	r, p := far(t)
	began := time.Now()
	r.until("it ran", func() bool {
		p.CutAll()
		time.Sleep(200 * time.Millisecond)
		return r.exists("ran")
	})
	if d := time.Since(began); d < testLease {
		t.Errorf("recovered after %v, though nobody could know before %v", d, testLease)
	}
}

// A server that was started anew may have lost the lease.
func TestAnotherRunOfTheServerStartsTheWaitAnew(t *testing.T) {
	t.Parallel()
	own := redistest.New(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newRig(t)
	r.times.Lease = testLease
	r.config.RedisAddress = own.Socket
	r.task("T", `touch "$D/ran"`)
	r.start()
	about, err := redis.Bytes(own.Do(t, "HGET", "q:instances", r.pool.current.id), nil)
	if err != nil {
		t.Fatal(err)
	}
	own.Do(t, "HSET", "q:instances", "far", strings.ReplaceAll(string(about), `"machine_id":"`, `"machine_id":"other`))
	own.Push(t, "q:T:run:far:1", "{}")
	began := time.Now()
	r.until("it could almost be recovered", func() bool { return time.Since(began) > testLease-r.times.Renewal() })
	if err := errors.Join(own.Kill(), own.Boot()); err != nil {
		t.Fatal(err)
	}
	booted := time.Now()
	r.until("it ran", func() bool { return r.exists("ran") })
	if d := time.Since(booted); d < testLease {
		t.Errorf("recovered %v after Redis was started anew", d)
	}
}

func TestALivingInstanceElsewhereKeepsItsEntries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Do(t, "CONFIG", "RESETSTAT")
	r.times.Lease = 600 * time.Millisecond
	r.onRecord("far", elsewhere) // with a lease of 30 s
	r.server.Push(t, "q:T:run:far:1", "{}")
	r.task("T", `touch "$D/ran"`)
	r.start()
	// One look each 200 ms, and from 700 ms on a missing lease would count.
	r.until("it was looked at ten times", func() bool {
		stats, err := redis.String(r.server.Do(t, "INFO", "commandstats"), nil)
		return err == nil && regexp.MustCompile(`cmdstat_hgetall:calls=\d\d`).MatchString(stats)
	})
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T:run:far:1")); diff != "" {
		t.Error(diff)
	}
}

// loseLease runs a task, and then has lose keep this instance from renewing its lease
// while Redis answers everybody else. A SIGTERM notes its time in the file "term".
func loseLease(t *testing.T, policy config.OnLeaseLoss, ttl time.Duration, lose func(*redistest.Proxy)) (*rig, *redistest.Proxy) {
	t.Helper()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.times.Lease = ttl
	r.config.OnLeaseLoss = policy
	r.config.RedisAddress = p.Socket
	r.task("T", `trap 'date +%s%N >>"$D/term"; exit 0' TERM; `+waitForGo+`; ! [ -e "$D/fail" ]`)
	r.push("T", "{}")
	r.start()
	r.until("it runs", func() bool { return r.running() == 1 })
	lose(p)
	return r, p
}

// cut has Redis be lost to those behind the proxy, who notice it at once.
func cut(p *redistest.Proxy) {
	p.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
	p.CutAll()
}

func TestOnLeaseLossStop(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(p *redistest.Proxy, on bool){
		"lost connection to redis": func(p *redistest.Proxy, on bool) {
			if p.Decide(nil); on {
				cut(p)
			}
		},
		// The attempt takes longer than the lease.
		"the attempt to renew hangs": (*redistest.Proxy).Mute,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := loseLease(t, config.LeaseLossStop, 2*testLease, func(p *redistest.Proxy) { fault(p, true) })
			ends := time.Now().UnixMilli() + r.server.Do(t, "PTTL", "q:instance:"+r.pool.current.id).(int64)
			r.until("the task is stopped", func() bool { return r.counters.Snapshot().Running == 0 })
			ns, err := strconv.ParseInt(strings.TrimSpace(r.read("term")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if late := ns/1e6 - ends; late > 0 {
				t.Errorf("the task was stopped %d ms after the lease had ended", late)
			}
			r.write("go")
			fault(p, false)
			r.until("the entry went back and ran", func() bool { return r.read("done") == "x\n" && r.inRunLists() == 0 })
		})
	}
}

func TestOnLeaseLossContinue(t *testing.T) {
	t.Parallel()
	r, p := loseLease(t, config.LeaseLossContinue, testLease, cut)
	r.until("the lease is gone", func() bool { return r.server.Do(t, "EXISTS", "q:instance:"+r.pool.current.id).(int64) == 0 })
	if n := r.counters.Snapshot().Running; n != 1 {
		t.Errorf("%d run", n)
	}
	// Another host takes the entry over, as its recovery would.
	r.server.Do(t, "LMOVE", "q:T:run:"+r.pool.current.id+":1", "q:elsewhere", "LEFT", "RIGHT")
	r.write("go")
	r.until("the task ended", func() bool { return r.read("done") == "x\n" })
	p.Decide(nil)
	r.until("the late finish is logged as such", func() bool { return strings.Contains(r.log.String(), "another host took it over") })
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:elsewhere")); diff != "" {
		t.Errorf("the late finish removed what is somebody else's: %s", diff)
	}
}

// The result of a run whose entry was taken over is not pushed: whoever has the entry
// pushes a record, and two records of one payment would be paid twice.
func TestALateResultIsNotPushed(t *testing.T) {
	t.Parallel()
	for name, takeOver := range map[string]func(s *redistest.Server, c *store.Conn, k store.Keys, r store.Recovery) error{
		"taken over": func(_ *redistest.Server, c *store.Conn, k store.Keys, r store.Recovery) error {
			if result, err := c.Recover(k, r); err != nil || result != store.Requeued {
				return fmt.Errorf("recovered: %q, %w", result, err)
			}
			return c.ForgetDead(k, r.Dead, false)
		},
		"by a gordon without notes": func(s *redistest.Server, _ *store.Conn, k store.Keys, r store.Recovery) error {
			s.Do(t, "LMOVE", k.Run("T", r.Dead, r.List), "q:T", "LEFT", "LEFT")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := loseLease(t, config.LeaseLossContinue, testLease, cut)
			k, dead := store.Keys{Prefix: "q"}, r.pool.current.id
			r.onRecord("another", func(i *store.Instance) { i.MachineID = "another" })
			r.until("the lease is gone", func() bool { return r.server.Do(t, "EXISTS", k.Lease(dead)).(int64) == 0 })
			link := store.NewClient(store.Options{Network: "unix", Address: r.server.Socket, Instance: "another"}).Link()
			defer link.Close()
			if err := link.Use(t.Context(), func(c *store.Conn) error {
				return takeOver(r.server, c, k, store.Recovery{Dead: dead, Type: "T", List: 1, Entry: []byte("{}")})
			}); err != nil {
				t.Fatal(err)
			}
			r.write("fail")
			r.write("go")
			r.until("the run ended", func() bool { return r.counters.Snapshot().Failed == 1 })
			p.Decide(nil)
			r.until("the late result is logged as such", func() bool { return strings.Contains(r.log.String(), "another host took it over") })
			r.until("the entry runs once more", func() bool { return r.counters.Snapshot().Failed == 2 && r.inRunLists() == 0 })
			if n := len(r.failed("T")); n != 1 {
				t.Errorf("%d records, want 1", n)
			}
		})
	}
}

func TestOnCrashFail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`sed -n 3p "$1" >>"$D/told"`)
	r.onRecord("old", func(i *store.Instance) {
		i.PID = deadPID(t)
		i.Types = map[string]store.InstanceType{"T": {Lists: 2, FailOnCrash: true, FailedTTL: 60}}
	})
	r.server.Push(t, "q:T:run:old:1", `{"args":["a"]}`)
	r.task("T", `touch "$D/ran"`)
	r.start()
	r.until("it is on the failed list", func() bool { return len(r.failed("T")) == 1 })
	if got := r.failed("T")[0]; !strings.HasPrefix(got, `{"args":["a"],"env":{},"outcome":"crashed","error_message":"gordon died while this task ran`) {
		t.Errorf("record %s", got)
	}
	if r.exists("ran") {
		t.Error("it ran again")
	}
	if got := r.counters.Snapshot(); got.Failed != 1 || got.Running != 0 {
		t.Errorf("counted as %+v", got)
	}
	r.until("the error_script is told", func() bool { return r.read("told") == "{\"args\":[\"a\"]}\n" })
}

// The entry may be on the failed list although the answer was lost: people are told.
func TestOnCrashFailIsToldAlthoughTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]redistest.Fault{"request": redistest.BeforeRequest, "answer": redistest.BeforeAnswer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := redistest.NewProxy(t, r.server)
			r.config.RedisAddress = p.Socket
			r.errorScript(`sed -n 3p "$1" >>"$D/told"`)
			r.onRecord("old", func(i *store.Instance) {
				i.PID = deadPID(t)
				i.Types = map[string]store.InstanceType{"T": {Lists: 2, FailOnCrash: true}}
			})
			r.server.Push(t, "q:T:run:old:1", `{"args":["a"]}`)
			r.task("T", "")
			p.Decide(redistest.FailOnce("'requeued'", 1, fault)) // a word of the script
			r.start()
			r.until("the error_script is told", func() bool { return r.exists("told") })
			if n := len(r.failed("T")); n != 1 {
				t.Errorf("%d records", n)
			}
		})
	}
}

// A start does not wait for the error_script, which may take long for each entry: it
// would be given up, and the error_script be ended with it.
func TestAStartDoesNotWaitForTheErrorScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`while ! [ -e "$D/go" ]; do sleep 0.05; done; sed -n 3p "$1" >>"$D/told"`)
	r.onRecord("old", func(i *store.Instance) {
		i.PID = deadPID(t)
		i.Types = map[string]store.InstanceType{"T": {Lists: 4, FailOnCrash: true}}
	})
	r.server.Push(t, "q:T:run:old:1", `{"args":["a"]}`)
	r.server.Push(t, "q:T:run:old:2", `{"args":["b"]}`)
	r.task("T", `echo "$1" >>"$D/ran"`)
	r.push("T", `{"args":["c"]}`)
	r.start()
	r.until("what waited runs", func() bool { return r.read("ran") == "c\n" })
	if n := len(r.failed("T")); n != 2 {
		t.Errorf("%d on the failed list", n)
	}
	r.write("go")
	r.until("the error_script was told of both", func() bool { return r.read("told") == "{\"args\":[\"a\"]}\n{\"args\":[\"b\"]}\n" })
}

// The daemon's death may be the entry's doing.
func TestPoisonGoesToTheFailedList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onRecord("old", func(i *store.Instance) { i.PID = deadPID(t) })
	r.server.Push(t, "q:T:run:old:1", fmt.Sprintf(`{"gordon":{"attempts":0,"crashes":2,"crashed_since":%d}}`, time.Now().Unix()-60))
	r.task("T", `touch "$D/ran"`)
	r.start()
	r.until("it is on the failed list", func() bool { return len(r.failed("T")) == 1 })
	if got := r.failed("T")[0]; !strings.Contains(got, "gordon died 3 times") {
		t.Errorf("record %s", got)
	}
	if !strings.Contains(r.log.String(), "entry is not run again") {
		t.Error("the log does not say so")
	}
}
