//go:build vm

package cgroup

// Tests of the kernel's groups. "make e2e-vm" runs them in a
// virtual machine, in a unit with Delegate=yes and User=, because few machines
// give a test a control group with all controllers.

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

var tree *Tree // the one that is delegated to this process

// another is set for a process that takes the part of another gordon.
const another = "GORDON_TEST_ANOTHER"

func TestMain(m *testing.M) {
	if os.Getenv(another) != "" {
		time.Sleep(10 * time.Minute)
		return
	}
	var err error
	if tree, err = Open(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// group is the group of a run that notes its processes when the runner calls Account.
// Those are the processes that were left behind, or none.
type group struct {
	*Run
	left []int
	err  error
}

func (g *group) Account(*usage.Usage) usage.Pressure {
	g.left, g.err = g.PIDs()
	return usage.Pressure{}
}

func (g *group) check(t *testing.T, o runner.Outcome) {
	if g.err != nil || len(g.left) != o.LeftBehind && len(g.left) != 0 {
		t.Errorf("%v are there, %v; %d were left behind", g.left, g.err, o.LeftBehind)
	}
}

// account returns the figures of the group of a run.
func account(run *Run) (usage.Usage, usage.Pressure) {
	u := usage.Usage{UserCPU: -1, SystemCPU: -1, PeakMemory: -1, ReadBytes: -1, WrittenBytes: -1}
	p := run.Account(&u)
	return u, p
}

// refused returns the number of processes that could not be started.
func refused(run *Run) int64 {
	_, p := account(run)
	return p.Refused
}

// begin starts a script in a group of its own.
func begin(t *testing.T, limits config.Limits, body string, change ...func(*runner.Spec)) (*Run, *runner.Process) {
	t.Helper()
	run, err := tree.NewRun("T", t.Name(), limits)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "task.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	g := &group{Run: run}
	spec := runner.Spec{Path: path, Args: []string{t.TempDir()}, Env: os.Environ(), Group: g}
	for _, c := range change {
		c(&spec)
	}
	p, err := runner.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer func() { g.check(t, p.Wait()) }()
		if err := run.Kill(); err != nil {
			t.Error(err)
		}
		p.Wait()
		gordontest.Until(t, "the group is removed", func() bool { return remove(run.dir) == nil })
	})
	return run, p
}

// daemonize is a shell command that cuts every tie to the script: process group, session,
// parent, descriptors and environment.
const daemonize = `setsid sh -c 'env -i sh -c "trap \"\" TERM; echo \$\$ >$0/pid; exec sleep 600" "$0" </dev/null >/dev/null 2>&1 &' "$1"; while ! [ -s "$1/pid" ]; do sleep 0.01; done; `

func TestTheDaemonIsInItsLeaf(t *testing.T) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	group, err := ownGroup(string(text))
	if err != nil || group != tree.Path()+"/"+Leaf {
		t.Errorf("in %s, %v", group, err)
	}
	// From the leaf, where DelegateSubgroup= may have put it, it is the same tree.
	if again, err := Open(); err != nil || again.Path() != tree.Path() {
		t.Errorf("opened again: %+v, %v", again, err)
	}
	for _, c := range []string{"cpu", "io", "memory", "pids"} {
		if why := tree.Lacks(c); why != "" {
			t.Error(why)
		}
	}
	if why := tree.Lacks("cpuset"); !strings.Contains(why, "Delegate=yes") {
		t.Errorf("cpuset is not enabled: %q", why)
	}
	if why := tree.Lacks("nonsense"); !strings.Contains(why, "cgroup_disable=") {
		t.Errorf("there is no such controller: %q", why)
	}
}

func TestALeaderIsBornInItsGroup(t *testing.T) {
	_, p := begin(t, config.Limits{}, "cat /proc/self/cgroup")
	if out := string(p.Wait().Stdout.Tail); out != "0::"+tree.Path()+"/task.T/"+t.Name()+"\n" {
		t.Errorf("it is in %q", out)
	}
}

func TestStopEndsWhatGotAway(t *testing.T) {
	run, p := begin(t, config.Limits{}, daemonize+"sleep 600")
	gordontest.Until(t, "it got away", func() bool { list, _ := run.PIDs(); return len(list) >= 3 })
	go p.Stop(context.Background(), 10*time.Millisecond)
	p.Wait()
	if list, err := run.PIDs(); err != nil || len(list) != 0 {
		t.Errorf("left are %v, %v", list, err)
	}
	if err := remove(run.dir); err != nil {
		t.Error(err)
	}
}

func TestLeftoversAreEnded(t *testing.T) {
	run, p := begin(t, config.Limits{}, daemonize, func(s *runner.Spec) { s.KillLeftovers, s.LeftoverGrace = true, 10*time.Millisecond })
	o := p.Wait()
	if list, _ := run.PIDs(); !o.Success() || o.LeftBehind < 1 || len(list) != 0 {
		t.Errorf("%+v, left are %v", o, list)
	}
}

// A group with processes is removed after they have ended, at one of the next starts.
func TestLeftoversAreAllowed(t *testing.T) {
	run, p := begin(t, config.Limits{}, daemonize)
	o := p.Wait()
	if list, _ := run.PIDs(); !o.Success() || o.LeftBehind < 1 || len(list) == 0 {
		t.Errorf("%+v, left are %v", o, list)
	}
	if err := run.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(run.dir); err != nil {
		t.Fatal(err)
	}
	if err := run.Kill(); err != nil {
		t.Fatal(err)
	}
	gordontest.Until(t, "a later start removes the group", func() bool {
		later, err := tree.NewRun("T", "later", config.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := later.Remove(); err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(run.dir)
		return os.IsNotExist(err)
	})
}

const hog = `exec head -c 300M /dev/zero | tail -c 300M`

func TestOutOfItsOwnMemory(t *testing.T) {
	run, p := begin(t, config.Limits{MemoryMax: 32 << 20}, hog)
	o := p.Wait()
	used, pressure := account(run)
	if o.Reason() != "signal: killed" || pressure.OOM != "exceeded memory_max = 32M" {
		t.Errorf("%q, %+v", o.Reason(), pressure)
	}
	if used.PeakMemory < 16<<20 || used.PeakMemory > 33<<20 {
		t.Errorf("peak memory is %d", used.PeakMemory)
	}
}

func TestOutOfTheTypesMemory(t *testing.T) {
	tasks := map[string]config.Task{"T": {Type: "T", Total: config.Limits{MemoryMax: 64 << 20}}}
	if err := tree.Configure(tasks); err != nil {
		t.Fatal(err)
	}
	run, p := begin(t, config.Limits{MemoryMax: 128 << 20}, hog)
	o := p.Wait()
	if _, pressure := account(run); o.Reason() != "signal: killed" || pressure.OOM != "all runs of the type together exceeded total.memory_max = 64M" {
		t.Errorf("%q, %+v", o.Reason(), pressure)
	}
}

func TestAForkBombIsHeldAndEnded(t *testing.T) {
	run, p := begin(t, config.Limits{TasksMax: 20}, `bomb() { bomb | bomb & }; bomb 2>/dev/null; exec sleep 600`)
	gordontest.Until(t, "forks are refused", func() bool { return refused(run) > 10 })
	if list, _ := run.PIDs(); len(list) > 20 {
		t.Errorf("%d processes", len(list))
	}
	go p.Stop(context.Background(), 0)
	p.Wait()
	if list, _ := run.PIDs(); len(list) != 0 {
		t.Errorf("left are %v", list)
	}
}

// Before Linux 5.14.
func TestKillFrozen(t *testing.T) {
	run, p := begin(t, config.Limits{TasksMax: 20}, `bomb() { bomb | bomb & }; bomb 2>/dev/null; exec sleep 600`)
	gordontest.Until(t, "forks are refused", func() bool { return refused(run) > 10 })
	gordontest.Until(t, "all are gone", func() bool {
		if err := killFrozen(run.dir); err != nil {
			t.Fatal(err)
		}
		list, _ := run.PIDs()
		return len(list) == 0
	})
	if o := p.Wait(); o.Reason() != "signal: killed" {
		t.Error(o.Reason())
	}
}

func TestCPUQuota(t *testing.T) {
	run, p := begin(t, config.Limits{CPUQuota: 10}, `i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done`)
	o := p.Wait()
	figures, pressure := account(run)
	used := figures.CPU()
	t.Logf("%v of CPU in %v, held back for %v", used, o.Wall, pressure.Throttled)
	// Twice the quota, and the time that a run may use before the first period is over.
	if pressure.Throttled == 0 || used <= 0 || used > o.Wall/5+period*time.Microsecond {
		t.Errorf("%+v, %+v in %v", figures, pressure, o.Wall)
	}
}

func TestWritesAreCounted(t *testing.T) {
	run, p := begin(t, config.Limits{}, `dd if=/dev/zero of="$1/file" bs=1M count=4 conv=fsync status=none`)
	o := p.Wait()
	if u, _ := account(run); !o.Success() || u.WrittenBytes < 4<<20 || u.ReadBytes < 0 {
		t.Errorf("%+v, %+v", o, u)
	}
}

// Every limit is written to its file, and removed with its configuration.
func TestLimitsAreWritten(t *testing.T) {
	limits := config.Limits{MemoryMax: 64 << 20, MemoryHigh: 48 << 20, CPUQuota: 150, CPUWeight: 200, IOWeight: 50, TasksMax: 30}
	set := map[string]string{
		"memory.max": "67108864", "memory.high": "50331648", "cpu.max": "150000 100000", "cpu.weight": "200", "io.weight": "default 50", "pids.max": "30",
	}
	unset := map[string]string{
		"memory.max": "max", "memory.high": "max", "cpu.max": "max 100000", "cpu.weight": "100", "io.weight": "default 100", "pids.max": "max",
	}
	look := func(what, dir string, want map[string]string) {
		t.Helper()
		for file, value := range want {
			got, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil || strings.TrimSpace(string(got)) != value {
				t.Errorf("%s: %s is %q (%v), want %q", what, file, got, err, value)
			}
		}
	}
	run, p := begin(t, limits, "sleep 600")
	look("run", run.dir, set)
	task := config.Task{Type: "T", Total: limits}
	for _, step := range []map[string]string{set, unset} {
		if err := tree.Configure(map[string]config.Task{"T": task}); err != nil {
			t.Fatal(err)
		}
		look("type", run.kind, step)
		task.Total = config.Limits{}
	}
	look("run after the reload", run.dir, set)
	p.Stop(context.Background(), 0)
}

func TestTypesComeAndGo(t *testing.T) {
	long := strings.Repeat("ü/", 120)
	if err := tree.Configure(map[string]config.Task{long: {Type: long}, "a b": {Type: "a b"}}); err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(tree.dir, name))
		return err == nil
	}
	if !has(`task.a\x20b`) || !has(kindPrefix+escape(long)) {
		t.Error("a group is missing")
	}
	if err := tree.Configure(nil); err != nil {
		t.Fatal(err)
	}
	if has(`task.a\x20b`) || has(kindPrefix+escape(long)) {
		t.Error("a group is left")
	}
}

// A daemon ends the processes that a dead daemon has left.
func TestSweep(t *testing.T) {
	run, p := begin(t, config.Limits{}, daemonize+"sleep 600")
	gordontest.Until(t, "it got away", func() bool { list, _ := run.PIDs(); return len(list) >= 2 })
	list, _ := run.PIDs()
	ended, left, err := tree.Sweep()
	if err != nil || ended < 2 || left != 0 {
		t.Errorf("%d ended, %d left, %v", ended, left, err)
	}
	p.Wait()
	for _, pid := range list {
		if st, err := host.ReadStat(pid); err == nil && !st.Ended() {
			t.Errorf("process %d lives", pid)
		}
	}
	entries, _ := os.ReadDir(tree.dir)
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), kindPrefix) }) {
		t.Error("a group is left")
	}
	delete(tree.kinds, kindPrefix+"T")
}

// A process that cannot be killed keeps its group, with groups that it has created
// itself. After a release the group of the unit accepts processes again.
func TestRelease(t *testing.T) {
	run, p := begin(t, config.Limits{}, "exec sleep 600")
	deep := filepath.Join(run.dir, "a", "b")
	for _, dir := range []string{filepath.Dir(deep), deep} {
		if err := makeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(deep, procsFile, strconv.Itoa(p.PID())); err != nil {
		t.Fatal(err)
	}
	enable(run.dir)
	if enabled := enable(filepath.Dir(deep)); len(enabled) != 4 {
		t.Fatalf("enabled are %v", enabled)
	}
	into := func() error { return write(tree.dir, procsFile, "0") }
	if err := into(); !busy(err) {
		t.Fatalf("before the release: %v", err)
	}
	if err := release(tree.dir); err != nil {
		t.Error(err)
	}
	if err := into(); err != nil {
		t.Error(err)
	}
	p.Stop(context.Background(), 0)
	again, err := Open()
	if err != nil || len(again.Controllers()) != 4 {
		t.Fatalf("%v, %v", again, err)
	}
	tree = again
}

// A process with a pending SIGKILL does not keep Gordon from its group.
func TestKilled(t *testing.T) {
	p, err := runner.Start(runner.Spec{Path: "/bin/sleep", Args: []string{"600"}})
	if err != nil {
		t.Fatal(err)
	}
	if killed(p.PID()) {
		t.Error("a process that sleeps counts as killed")
	}
	p.Stop(context.Background(), 0)
	p.Wait()
	if !killed(p.PID()) {
		t.Error("a process that is gone does not")
	}
}

// Open refuses a delegated group in which another gordon runs. It accepts a process that
// an earlier gordon has left there.
func TestSharedGroupIsRefused(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shared := &Tree{dir: filepath.Join(tree.dir, Leaf), mount: tree.mount}
	beside := func(path string, args ...string) *runner.Process {
		p, err := runner.Start(runner.Spec{Path: path, Args: args, Env: append(os.Environ(), another+"=1")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			p.Stop(context.Background(), 0)
			p.Wait()
		})
		return p
	}
	beside("/bin/sleep", "600")
	if err := tree.check(); err != nil {
		t.Error(err)
	}
	gordon := beside(program)
	for _, tree := range []*Tree{shared, tree} { // beside us, and in the leaf
		if err := tree.check(); err == nil || !strings.Contains(err.Error(), "process "+strconv.Itoa(gordon.PID())+" is also in") && tree != shared {
			t.Error(err)
		}
	}
	if err := (&Tree{dir: filepath.Dir(tree.dir), mount: tree.mount}).check(); err == nil || !strings.Contains(err.Error(), "the unit needs Delegate=yes") {
		t.Error(err)
	}
}
