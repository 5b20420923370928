package daemontest

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	chaosFor  = flag.Duration("chaos.for", 4*time.Second, "how long TestChaos makes trouble")
	chaosSeed = flag.Uint64("chaos.seed", 0, "repeat the schedule of this seed (0: a new one)")
)

// TestChaos lets three daemons work while a seeded schedule kills and stops
// them, their scripts and Redis, reloads, pauses and cancels; then it accounts for
// every entry.
//
// Each entry has a number. The scripts note the start of a run, and that they are
// about to end well, each with one write to a file, which the kill of a process
// does not undo.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with: go test ./internal/daemontest -run TestChaos -chaos.seed=%d -chaos.for=%v", seed, *chaosFor)
	c := newChaos(t, seed)
	for deadline := time.Now().Add(*chaosFor); time.Now().Before(deadline); {
		c.push(1 + c.rand.IntN(20))
		c.trouble()
	}
	c.settle()
	c.account()
}

const chaosDaemons = 3

type chaos struct {
	t       *testing.T
	rand    *rand.Rand
	redis   *redistest.Server
	notes   string // folder
	sites   [chaosDaemons]*gordontest.Site
	proxies [chaosDaemons]*redistest.Proxy // between a daemon and Redis
	daemons [chaosDaemons]*gordontest.Daemon
	entries []chaosEntry   // by number
	done    map[string]int // what trouble was made
	// cancelled are the numbers of which a cancel was sent.
	cancelled map[int]bool
	// killed is how often a script of a number was killed, which may not have come
	// to its first statement.
	killed map[int]int
	// mayRepeat counts the entries that stood in run lists when a daemon was
	// killed, and those that a daemon put back when it was told to stop.
	mayRepeat int
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), redis: redistest.New(t, "--appendonly", "yes", "--appendfsync", "always"),
		notes: t.TempDir(), done: make(map[string]int), cancelled: make(map[int]bool), killed: make(map[int]int),
	}
	for i := range c.sites {
		c.proxies[i] = redistest.NewProxy(t, c.redis)
		s := gordontest.NewSite(t, binary, gordontest.Unix(c.proxies[i].Socket))
		for _, typ := range chaosTypes {
			s.Write(typ.name+".sh", typ.script(c.notes))
		}
		c.sites[i] = s
		c.configure(i)
		c.daemons[i] = s.Start()
	}
	return c
}

func (c *chaos) configure(i int) {
	config := fmt.Sprintf("shutdown_timeout = \"100ms\"\nkill_grace = \"100ms\"\nmax_running = %d\n", c.rand.IntN(5))
	for _, typ := range chaosTypes {
		config += c.sites[i].Task(typ.name, 1+c.rand.IntN(4)) + typ.config()
		config += fmt.Sprintf("priority = %d\nweight = %d\n", c.rand.IntN(2), 1+c.rand.IntN(3))
	}
	c.sites[i].Configure(config)
}

// trouble makes one kind of it, or none.
func (c *chaos) trouble() {
	kinds := []struct {
		name   string
		weight int
		make   func(i int)
	}{
		{"nothing", 30, func(int) { c.pause(50) }},
		{"daemon killed", 4, c.killDaemon},
		{"daemon stopped and started", 3, c.restartDaemon},
		{"daemon suspended", 3, c.suspendDaemon},
		{"script killed", 10, func(int) { c.killScript() }},
		{"reload", 5, c.reload},
		{"type removed and back", 3, c.removeType},
		{"type paused or resumed", 6, func(int) { c.pauseType() }},
		{"task cancelled", 8, func(int) { c.cancelTask() }},
		{"network cut", 8, c.cut},
		{"redis killed", 3, func(int) { c.killRedis() }},
		{"redis suspended", 3, func(int) { c.suspendRedis() }},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := c.rand.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			k.make(c.rand.IntN(chaosDaemons))
			c.done[k.name]++
			return
		}
	}
}

// pause is part of the schedule: what happens meanwhile is not waited for.
func (c *chaos) pause(most int) { time.Sleep(time.Duration(c.rand.IntN(most)) * time.Millisecond) }

func (c *chaos) killDaemon(i int) {
	// Counted while it lives and can't go on: of a dead one, others take the
	// entries at once.
	c.daemons[i].Signal(syscall.SIGSTOP)
	c.mayRepeat += len(c.redis.Keys(c.t, "q:*:run:*"))
	c.daemons[i].Signal(syscall.SIGKILL)
	<-c.daemons[i].Gone
	c.pause(20)
	c.daemons[i] = c.sites[i].Start()
}

func (c *chaos) restartDaemon(i int) {
	c.daemons[i].Signal(syscall.SIGTERM)
	if code := c.daemons[i].Exit(); code != 0 {
		c.t.Errorf("exit code %d", code)
	}
	printed := c.daemons[i].Printed()
	c.mayRepeat += strings.Count(printed, "outcome=returned") + strings.Count(printed, "outcome=stopped")
	c.daemons[i] = c.sites[i].Start()
}

func (c *chaos) suspendDaemon(i int) {
	c.daemons[i].Signal(syscall.SIGSTOP)
	c.push(10)
	c.pause(300)
	c.daemons[i].Signal(syscall.SIGCONT)
}

func (c *chaos) reload(i int) {
	c.configure(i)
	c.daemons[i].Signal(syscall.SIGHUP)
}

// removeType reloads without one type, and soon after with it again.
func (c *chaos) removeType(i int) {
	all := c.sites[i].Read("gordon.toml")
	cut := strings.LastIndex(all, "[tasks.")
	c.sites[i].Write("gordon.toml", all[:cut])
	c.daemons[i].Signal(syscall.SIGHUP)
	c.pause(50)
	c.reload(i)
}

// cut loses all connections of a daemon, in one of several ways.
func (c *chaos) cut(i int) {
	switch c.rand.IntN(3) {
	case 0:
		c.proxies[i].CutAll()
	case 1:
		c.proxies[i].CutClients() // Redis notices nothing
	case 2:
		fault := []redistest.Fault{redistest.BeforeRequest, redistest.BeforeAnswer, redistest.LateRequest}[c.rand.IntN(3)]
		word := []string{"EVAL", "BLMOVE", "LINDEX", "CLIENT"}[c.rand.IntN(4)]
		c.proxies[i].Decide(redistest.FailOnce(word, 1+c.rand.IntN(3), fault))
		c.push(10)
		c.pause(100)
		c.proxies[i].Decide(nil)
		c.proxies[i].DeliverLate()
	}
}

func (c *chaos) killRedis() {
	if err := c.redis.Kill(); err != nil {
		c.t.Fatal(err)
	}
	c.pause(100)
	if err := c.redis.Boot(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) suspendRedis() {
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := c.redis.Signal(sig); err != nil {
			c.t.Fatal(err)
		}
		c.pause(300)
	}
}

// killScript kills any one script that runs now. That is the leader of its session:
// what it has just forked looks like it, and its death is only "Killed" in the output.
func (c *chaos) killScript() {
	pick := c.pick()
	running := make(map[int]int) // pid → number
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, path := range dirs {
		line, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(line), "/bin/sh\x00") {
			continue
		}
		if slices.ContainsFunc(c.sites[:], func(s *gordontest.Site) bool { return strings.Contains(string(line), s.Dir()) }) {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			if session, err := unix.Getsid(pid); err != nil || session != pid {
				continue
			}
			if args := strings.Split(string(line), "\x00"); len(args) > 2 {
				running[pid], _ = strconv.Atoi(args[2])
			}
		}
	}
	if len(running) > 0 {
		pid := slices.Sorted(maps.Keys(running))[pick(len(running))]
		c.killed[running[pid]]++
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
	}
}

// pick draws at once what chooses one of n later, so that the schedule stays the
// same however many there are then.
func (c *chaos) pick() func(n int) int {
	drawn := c.rand.Uint64()
	return func(n int) int { return int(drawn % uint64(n)) }
}

// pauseType pauses any one type, or resumes it if it is paused.
func (c *chaos) pauseType() {
	name := chaosTypes[c.rand.IntN(len(chaosTypes))].name
	if c.redis.Do(c.t, "SREM", "q:paused", name) == int64(0) {
		c.redis.Do(c.t, "SADD", "q:paused", name)
	}
}

// cancelTask cancels any one task that runs and whose entry has an id. Nobody may
// hear of it: the daemon may be suspended, or have no connection.
func (c *chaos) cancelTask() {
	pick := c.pick()
	c.push(10)
	for deadline := time.Now().Add(200 * time.Millisecond); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if running := c.running(); len(running) > 0 {
			n := running[pick(len(running))]
			c.cancelled[n] = true
			c.redis.Do(c.t, "PUBLISH", "q:control", fmt.Sprintf("{\"cancel\":%q}", c.entries[n].id))
			return
		}
	}
}

// running are the numbers of the entries in run lists that have an id and whose
// script takes long.
func (c *chaos) running() (numbers []int) {
	for _, list := range c.redis.Keys(c.t, "q:*:run:*") {
		for _, raw := range c.redis.List(c.t, list) {
			if n, _ := decodeChaos(c.t, raw); c.entries[n].id != "" && isLong(n) {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

// holdsWork tells whether a key holds entries that have not come to their end.
func holdsWork(key string) bool {
	return strings.Contains(key, ":run:") || slices.ContainsFunc(chaosTypes, func(typ chaosType) bool {
		return key == "q:"+typ.name || key == "q:"+typ.name+":delayed"
	})
}

// settle waits until all is quiet and stops the daemons.
func (c *chaos) settle() {
	for _, p := range c.proxies {
		p.Decide(nil)
		p.DeliverLate()
	}
	c.redis.Do(c.t, "DEL", "q:paused")
	gordontest.Until(c.t, "the queues, the run lists and the sets for later are empty, and the dead are forgotten", func() bool {
		// One command sees all of them at one moment: between two of them an entry
		// that fails would go from one to the other unseen.
		return !slices.ContainsFunc(c.redis.Keys(c.t, "*"), holdsWork) &&
			c.redis.Do(c.t, "HLEN", "q:instances") == int64(chaosDaemons)
	})
	for _, d := range c.daemons {
		d.Signal(syscall.SIGTERM)
	}
	for _, d := range c.daemons {
		if code := d.Exit(); code != 0 {
			c.t.Errorf("exit code %d", code)
		}
	}
}
