package fleettest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/hosttest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	chaosFor  = flag.Duration("chaos.for", 12*time.Second, "how long TestChaosOfHosts makes trouble")
	chaosSeed = flag.Uint64("chaos.seed", 0, "repeat the schedule of this seed (0: a new one)")
)

// TestChaosOfHosts lets four hosts work while a seeded schedule freezes them, cuts them
// off, takes their power, kills daemons, Redis and leases, loses writes of Redis, and
// reloads with another on_crash; then it accounts for every entry and every run.
//
// Each entry has a number. Scripts note the start and the end of each run, when and on
// which host it was, and which on_crash held when it began.
func TestChaosOfHosts(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixMicro())
	}
	t.Logf("repeat with: go test ./internal/fleettest -run TestChaosOfHosts -chaos.seed=%d -chaos.for=%v", seed, *chaosFor)
	c := newChaos(t, seed)
	for deadline := time.Now().Add(*chaosFor); time.Now().Before(deadline); {
		c.push(c.rand.IntN(4))
		c.endTroubles(false)
		c.trouble()
		time.Sleep(100 * time.Millisecond)
	}
	c.settle()
	c.account()
}

const chaosHosts = 4

type chaos struct {
	t       *testing.T
	rand    *rand.Rand
	redis   *redistest.Server
	notes   string // file
	hosts   [chaosHosts]*chaosHost
	entries []chaosEntry // by number
	done    map[string]int
	lost    []span // when Redis has lost writes
	// vanished is when leases did, or a reload changed on_lease_loss.
	vanished []span
	// deaths is how many daemons have died.
	deaths int
}

// chaosHost is a host with what is wrong with it now.
type chaosHost struct {
	*hosttest.Host
	name   string
	site   *gordontest.Site
	daemon *gordontest.Daemon
	// daemons are all that were started; the last one is daemon.
	daemons []*gordontest.Daemon
	// heal ends what is wrong, at until; nil if nothing is.
	heal  func()
	until time.Time
	// troubles are all that was wrong with it.
	troubles []span
	fails    bool // on_crash of the type that changes it
}

func (h *chaosHost) start() {
	h.daemon = h.site.Start()
	h.daemons = append(h.daemons, h.daemon)
}

// span is a time in which something went on; end is zero as long as it does.
type span struct {
	begin, end time.Time
	what       string
}

// meets reports whether the span has a moment in common with another one.
func (s span) meets(begin, end time.Time) bool {
	return s.begin.Before(end) && (s.end.IsZero() || s.end.After(begin))
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), redis: redistest.New(t, "--appendonly", "yes", "--appendfsync", "always"),
		notes: t.TempDir() + "/notes", done: make(map[string]int),
	}
	for i := range c.hosts {
		h := &chaosHost{name: string(rune('a' + i))}
		h.Host = hosttest.New(t, c.redis, hosttest.Config{Name: h.name})
		h.site = h.Site(binary)
		for _, typ := range chaosTypes {
			h.site.Write(typ.name+".sh", typ.script(c.notes))
		}
		c.hosts[i] = h
		c.configure(h)
		h.start()
	}
	return c
}

// configure writes a configuration with another on_crash than before for one type, and
// tells its scripts.
func (c *chaos) configure(h *chaosHost) {
	h.fails = !h.fails
	onLoss := []string{"stop", "continue"}[c.rand.IntN(2)]
	config := fmt.Sprintf("shutdown_timeout = \"100ms\"\nkill_grace = \"100ms\"\non_lease_loss = %q\n", onLoss)
	for _, typ := range chaosTypes {
		config += h.site.Task(typ.name, 2) + typ.config(h.fails, onLoss)
	}
	h.site.Configure(config)
}

// trouble begins one kind of it, or none.
func (c *chaos) trouble() {
	kinds := []struct {
		name   string
		weight int
		begin  func(h *chaosHost) (heal func())
	}{
		{"nothing", 60, nil},
		{"frozen", 4, func(h *chaosHost) func() { h.Freeze(); return h.Thaw }},
		{"partition", 4, func(h *chaosHost) func() { h.Partition(); return h.Heal }},
		{"cut", 3, func(h *chaosHost) func() { h.Cut(); return h.Heal }},
		{"power off", 3, c.powerOff},
		{"daemon killed", 4, c.killDaemon},
		{"daemon restarted", 2, c.restartDaemon},
		{"reload", 5, c.reload},
		{"leases vanish", 3, c.loseLeases},
		{"redis killed", 2, func(*chaosHost) func() { c.restartRedis(nil); return nil }},
		{"redis loses writes", 2, c.loseWrites},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n, h, lasts := c.rand.IntN(total), c.hosts[c.rand.IntN(chaosHosts)], c.lasts()
	for _, k := range kinds {
		if n -= k.weight; n >= 0 {
			continue
		}
		if k.begin == nil || h.heal != nil {
			return
		}
		c.done[k.name]++
		began := time.Now()
		if heal := k.begin(h); heal != nil {
			h.heal, h.until = heal, began.Add(lasts)
			h.troubles = append(h.troubles, span{begin: began, what: k.name})
		}
		return
	}
}

// lasts draws how long a trouble lasts: mostly less than a lease, which others must not
// take for a death, and now and then long enough for that.
func (c *chaos) lasts() time.Duration {
	if c.rand.IntN(3) > 0 {
		return time.Duration(c.rand.IntN(1500)) * time.Millisecond
	}
	return time.Duration(4000+c.rand.IntN(5000)) * time.Millisecond
}

// endTroubles ends those whose time has come, or all.
func (c *chaos) endTroubles(all bool) {
	for _, h := range c.hosts {
		if h.heal != nil && (all || time.Now().After(h.until)) {
			h.heal()
			h.heal = nil
			h.troubles[len(h.troubles)-1].end = time.Now()
		}
	}
}

// note is for a trouble of a moment.
func (h *chaosHost) note(began time.Time) {
	h.troubles = append(h.troubles, span{began, time.Now(), "restarted"})
}

func (c *chaos) powerOff(h *chaosHost) func() {
	c.deaths++
	h.PowerOff()
	<-h.daemon.Gone
	return func() {
		h.Boot()
		h.start()
	}
}

// killDaemon leaves its scripts, for a time that is too short for another host to take
// the entries over.
func (c *chaos) killDaemon(h *chaosHost) func() {
	began := time.Now()
	c.deaths++
	h.daemon.Signal(syscall.SIGKILL)
	<-h.daemon.Gone
	time.Sleep(time.Duration(c.rand.IntN(200)) * time.Millisecond)
	h.start()
	h.note(began)
	return nil
}

func (c *chaos) restartDaemon(h *chaosHost) func() {
	began := time.Now()
	h.daemon.Stop()
	h.start()
	h.note(began)
	return nil
}

func (c *chaos) reload(h *chaosHost) func() {
	c.configure(h)
	h.daemon.Signal(syscall.SIGHUP)
	c.vanished = append(c.vanished, span{time.Now(), time.Now(), "reload"})
	return nil
}

// loseLeases is what a clock of Redis that jumps forward does. No host that lives may
// be taken for dead.
func (c *chaos) loseLeases(*chaosHost) func() {
	for _, key := range c.redis.Keys(c.t, "q:instance:*") {
		if strings.Count(key, ":") == 2 {
			c.redis.Do(c.t, "DEL", key)
		}
	}
	c.vanished = append(c.vanished, span{time.Now(), time.Now(), "leases"})
	return nil
}

// restartRedis kills Redis; change may change what it finds at its next start.
func (c *chaos) restartRedis(change func()) {
	if err := c.redis.Kill(); err != nil {
		c.t.Fatal(err)
	}
	if change != nil {
		change()
	}
	if err := c.redis.Boot(); err != nil {
		c.t.Fatal(err)
	}
}

// loseWrites has Redis come back with what it had a moment ago. No entry is pushed in
// that moment.
func (c *chaos) loseWrites(*chaosHost) func() {
	past := c.redis.Dir() + "/appendonlydir"
	began := time.Now()
	run(c.t, "cp", "-a", past, past+".past")
	time.Sleep(time.Duration(c.rand.IntN(400)) * time.Millisecond)
	c.restartRedis(func() {
		run(c.t, "rm", "-r", past)
		run(c.t, "mv", past+".past", past)
	})
	c.lost = append(c.lost, span{began, time.Now(), "lost writes"})
	return nil
}

// settle ends all troubles, waits until all is quiet and stops the daemons.
func (c *chaos) settle() {
	c.endTroubles(true)
	gordontest.Until(c.t, "the queues, the run lists and the sets for later are empty, and the dead are forgotten", func() bool {
		for _, key := range c.redis.Keys(c.t, "*") {
			if strings.Contains(key, ":run:") || strings.HasSuffix(key, ":delayed") {
				return false
			}
			for _, typ := range chaosTypes {
				if key == "q:"+typ.name {
					return false
				}
			}
		}
		return c.redis.Do(c.t, "HLEN", "q:instances") == int64(chaosHosts)
	})
	for _, h := range c.hosts {
		h.daemon.Stop()
	}
}
