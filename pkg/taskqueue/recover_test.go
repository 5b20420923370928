package taskqueue

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// onRecord puts an instance on record as if it had been left behind.
func (r *rig) onRecord(id string, change func(*store.Instance)) {
	r.t.Helper()
	self, err := host.Self()
	if err != nil {
		r.t.Fatal(err)
	}
	i := store.Instance{
		ID: id, Identity: self, Types: map[string]store.InstanceType{"T": {Lists: 2}},
	}
	change(&i)
	link := store.NewClient(store.Options{Network: "unix", Address: r.socket, Instance: "test"}).Link()
	defer link.Close()
	err = link.Use(r.t.Context(), func(c *store.Conn) error {
		_, err := c.Register(store.Keys{Prefix: "q"}, i, time.Minute, 0)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestRecoveryIsCertainOrNotAtAll(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change  func(*store.Instance)
		recover bool
	}{
		"the process is gone":             {func(i *store.Instance) { i.PID = deadPID(t) }, true},
		"the pid has another start time":  {func(i *store.Instance) { i.StartTime-- }, true},
		"the machine was booted since":    {func(i *store.Instance) { i.BootID = "an earlier boot" }, true},
		"it lives":                        {func(*store.Instance) {}, false},
		"another machine":                 {func(i *store.Instance) { i.MachineID = "another"; i.PID = deadPID(t) }, false},
		"a machine without an id":         {func(i *store.Instance) { i.MachineID = ""; i.PID = deadPID(t) }, false},
		"another pid namespace (same os)": {func(i *store.Instance) { i.PIDNamespace = "pid:[1]"; i.PID = deadPID(t) }, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.onRecord("old", c.change)
			r.server.Push(t, "q:T:run:old:1", "{}")
			r.task("T", `echo ran >>"$D/ran"`)
			r.start()
			if !c.recover {
				r.pool.Drain()
				<-r.pool.Over()
				if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T:run:old:1")); diff != "" {
					t.Error(diff)
				}
				return
			}
			r.until("it ran", func() bool { return r.read("ran") == "ran\n" })
			if got := r.lines("ran"); len(got) != 1 {
				t.Errorf("ran %d times", len(got))
			}
			if !strings.Contains(r.log.String(), "entries of a dead instance") {
				t.Error("the log does not say what was recovered")
			}
			if n := r.server.Do(t, "HEXISTS", "q:instances", "old").(int64); n != 0 {
				t.Error("the dead instance is still on record")
			}
		})
	}
}

// Who may write to Redis could have a running instance taken for dead, and its tasks
// killed: by a record with the pid of a process that has ended, or, as from another
// container, without its lease.
func TestALivingInstanceIsNotTakenForDead(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*testing.T, *store.Instance){
		"another pid":             func(t *testing.T, i *store.Instance) { i.PID = deadPID(t) },
		"another machine's lease": func(_ *testing.T, i *store.Instance) { i.MachineID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newRig(t)
			b := newRigOn(t, a.server)
			a.times.Lease, b.times.Lease = testLease, testLease
			a.task("T", waitForGo)
			a.push("T", "{}")
			a.start()
			a.until("its task runs", func() bool { return a.running() == 1 })
			id := a.pool.current.id
			b.start()
			b.until("b looks", func() bool {
				a.onRecord(id, func(i *store.Instance) { forge(t, i) })
				a.server.Do(t, "DEL", "q:instance:"+id)
				return strings.Contains(b.log.String(), "still had connections")
			})
			a.until("a is back on record", func() bool { return a.server.Do(t, "EXISTS", "q:instance:"+id).(int64) == 1 })
			// b would go on with what it took for dead.
			time.Sleep(a.times.Revival() + a.times.Renewal())
			a.write("go")
			a.ended(1)
			if got := a.counters.Snapshot(); got.Done != 1 {
				t.Errorf("ended as %+v", got)
			}
		})
	}
}

// deadPID is the number of a process that has ended.
func deadPID(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// What a dead daemon's tasks left running must not meet the second run.
func TestRecoveryEndsLeftoversFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	leftover := exec.Command("sh", "-c", "while :; do sleep 0.05; done")
	leftover.Env = []string{"GORDON_TASK_ID=old-00000000.T.1", "PATH=/usr/bin:/bin"}
	other := exec.Command("sleep", "1000")
	other.Env = []string{"GORDON_TASK_ID=old-000000001.T.1"}
	for _, cmd := range []*exec.Cmd{leftover, other} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	gone := make(chan struct{})
	go func() { _ = leftover.Wait(); close(gone) }()
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()

	r.onRecord("old-00000000", func(i *store.Instance) { i.PID = deadPID(t) })
	r.server.Push(t, "q:T:run:old-00000000:0", "{}")
	r.task("T", `touch "$D/ran"`)
	r.start()
	<-gone
	r.until("the entry ran again", func() bool { return r.exists("ran") })
	if other.ProcessState != nil || !alive(t, strconv.Itoa(other.Process.Pid)) {
		t.Error("a process of someone else was killed")
	}
}
