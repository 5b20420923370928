package daemontest

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	chaosFor  = flag.Duration("chaos.for", 5*time.Second, "how long TestChaos makes trouble")
	chaosSeed = flag.Uint64("chaos.seed", 0, "repeat the schedule of this seed (0: a new one)")
)

// TestChaos lets three daemons work while a seeded schedule kills and stops
// them, their scripts and Redis, and reloads; then it accounts for every entry.
//
// Each entry has a number. The scripts note start and end of a run, each with
// one write to a file, which the kill of a process does not undo.
func TestChaos(t *testing.T) {
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

// chaosTypes are the types and what their scripts do between the two notes and
// after them.
var chaosTypes = []struct{ name, work, end, config string }{
	{name: "ok"},
	{name: "fails", end: "exit 3"},
	{name: "slow", work: "sleep 0.05"},
	{name: "once", work: "sleep 0.02", config: "on_crash = \"fail\"\n"},
}

type chaos struct {
	t       *testing.T
	rand    *rand.Rand
	redis   *redistest.Server
	notes   string // folder
	sites   [chaosDaemons]*gordontest.Site
	proxies [chaosDaemons]*redistest.Proxy // between a daemon and Redis
	daemons [chaosDaemons]*gordontest.Daemon
	pushed  int
	done    map[string]int // what trouble was made
	// mayRepeat counts the entries that stood in the run lists of a daemon when
	// it was killed, or was told to stop at once.
	mayRepeat int
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), redis: redistest.New(t, "--appendonly", "yes", "--appendfsync", "always"),
		notes: t.TempDir(), done: make(map[string]int),
	}
	for i := range c.sites {
		c.proxies[i] = redistest.NewProxy(t, c.redis)
		s := gordontest.NewSite(t, binary, gordontest.Unix(c.proxies[i].Socket))
		for _, typ := range chaosTypes {
			s.Write(typ.name+".sh", fmt.Sprintf("#!/bin/sh\necho $1 >>'%s/started'\n%s\necho $1 >>'%s/ended'\n%s\n", c.notes, typ.work, c.notes, typ.end))
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
		config += c.sites[i].Task(typ.name, 1+c.rand.IntN(4)) + typ.config
		config += fmt.Sprintf("priority = %d\nweight = %d\n", c.rand.IntN(2), 1+c.rand.IntN(3))
	}
	c.sites[i].Configure(config)
}

func (c *chaos) push(n int) {
	for range n {
		c.redis.Push(c.t, "q:"+chaosTypes[c.pushed%len(chaosTypes)].name, gordontest.Numbered(c.pushed))
		c.pushed++
	}
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
	c.daemons[i].Signal(syscall.SIGKILL)
	<-c.daemons[i].Gone
	c.mayRepeat += c.inRunLists()
	c.pause(20)
	c.daemons[i] = c.sites[i].Start()
}

func (c *chaos) restartDaemon(i int) {
	// Which of the running ones will be put back is not known: any may be.
	c.mayRepeat += c.inRunLists()
	c.daemons[i].Signal(syscall.SIGTERM)
	if code := c.daemons[i].Exit(); code != 0 {
		c.t.Errorf("exit code %d", code)
	}
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

// killScript kills any one script that runs now.
func (c *chaos) killScript() {
	var pids []int
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, path := range dirs {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), c.sites[0].Dir()) && !strings.Contains(string(line), c.sites[1].Dir()) {
			continue
		}
		if strings.HasPrefix(string(line), "/bin/sh\x00") {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			pids = append(pids, pid)
		}
	}
	if len(pids) > 0 {
		_ = syscall.Kill(pids[c.rand.IntN(len(pids))], syscall.SIGKILL) // it may just have ended
	}
}

// inRunLists is the number of entries in all run lists. Which daemon a script
// belongs to is left open, so it is an upper bound for one of them.
func (c *chaos) inRunLists() int { return len(c.redis.Keys(c.t, "q:*:run:*")) }

// settle waits until all is quiet and stops the daemons.
func (c *chaos) settle() {
	for _, p := range c.proxies {
		p.Decide(nil)
		p.DeliverLate()
	}
	gordontest.Until(c.t, "the queues and run lists are empty", func() bool {
		for _, typ := range chaosTypes {
			if len(c.redis.Keys(c.t, "q:"+typ.name)) > 0 {
				return false
			}
		}
		return c.inRunLists() == 0
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

// account checks every number.
func (c *chaos) account() {
	started, ended, failed := c.noted("started"), c.noted("ended"), c.failed()
	missing, repeats, failures := 0, 0, 0
	for n := range c.pushed {
		if ended[n] == 0 && failed[n] == 0 {
			missing++
			c.t.Errorf("entry %d: started %d times, neither ended nor on a failed list", n, started[n])
		}
		if chaosTypes[n%len(chaosTypes)].end != "" && failed[n] == 0 {
			c.t.Errorf("entry %d failed and is not on the failed list", n)
		}
		if strings.Contains(chaosTypes[n%len(chaosTypes)].config, "fail") && started[n] > 1 {
			c.t.Errorf("entry %d must not run twice, but was started %d times", n, started[n])
		}
		repeats += max(0, started[n]-1)
		failures += failed[n]
	}
	c.t.Logf("%d pushed, %d missing, %d on failed lists, %d repeats (at most %d in flight at kills and stops); %v",
		c.pushed, missing, failures, repeats, c.mayRepeat, c.done)
	if repeats > c.mayRepeat {
		c.t.Errorf("%d repeats, but only %d entries were in flight at kills", repeats, c.mayRepeat)
	}
	for _, key := range c.redis.Keys(c.t, "*") {
		// Counts of recoveries expire; one is left where a daemon that recovered
		// an entry died before it ran, and Redis lost its answer, say.
		if !strings.HasSuffix(key, ":failed") && key != "q:recoveries" {
			c.t.Errorf("left in redis: %s", key)
		}
	}
}

// noted counts the numbers in a file of notes.
func (c *chaos) noted(name string) map[int]int {
	content, err := os.ReadFile(filepath.Join(c.notes, name))
	if err != nil {
		c.t.Fatal(err)
	}
	counts := make(map[int]int)
	for line := range strings.FieldsSeq(string(content)) {
		n, err := strconv.Atoi(line)
		if err != nil {
			c.t.Fatal(err)
		}
		counts[n]++
	}
	return counts
}

// failed counts the numbers on the failed lists.
func (c *chaos) failed() map[int]int {
	counts := make(map[int]int)
	for _, typ := range chaosTypes {
		for _, record := range c.redis.List(c.t, "q:"+typ.name+":failed") {
			var r struct{ Args []string }
			if err := json.Unmarshal([]byte(record), &r); err != nil || len(r.Args) != 1 {
				c.t.Fatalf("record %q: %v", record, err)
			}
			n, err := strconv.Atoi(r.Args[0])
			if err != nil {
				c.t.Fatal(err)
			}
			counts[n]++
		}
	}
	return counts
}
