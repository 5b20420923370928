package host_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

func self(t *testing.T) host.Identity {
	t.Helper()
	id, err := host.Self()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// known returns the identity of this process with a machine id, because the machine
// that runs the test may have none.
func known(t *testing.T) host.Identity {
	id := self(t)
	id.MachineID = "0123456789abcdef0123456789abcdef"
	return id
}

func TestSelf(t *testing.T) {
	id := self(t)
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if id.BootID != strings.TrimSpace(string(boot)) || id.Hostname != name || id.PID != os.Getpid() || id.StartTime == 0 {
		t.Errorf("got %+v", id)
	}
	if !strings.HasPrefix(id.PIDNamespace, "pid:[") {
		t.Errorf("pid namespace is %q", id.PIDNamespace)
	}
	if diff := cmp.Diff(id, self(t)); diff != "" {
		t.Error("the second time it is another:", diff)
	}
}

// Instances of other versions read this JSON.
func TestIdentityJSON(t *testing.T) {
	id := host.Identity{
		Hostname: "web1", MachineID: "m", BootID: "b", PIDNamespace: "pid:[4026531836]", PID: 7, StartTime: 1<<64 - 1,
	}
	text, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"host":"web1","machine_id":"m","boot_id":"b","pid_ns":"pid:[4026531836]","pid":7,"start_time":18446744073709551615}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	var back host.Identity
	if err := json.Unmarshal(text, &back); err != nil || back != id {
		t.Errorf("back: %+v, %v", back, err)
	}
}

// child starts a process and returns its identity.
func child(t *testing.T) (*os.Process, host.Identity) {
	t.Helper()
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_, _ = p.Wait()
	})
	st, err := host.ReadStat(p.Pid)
	if err != nil {
		t.Fatal(err)
	}
	id := known(t)
	id.PID, id.StartTime = st.PID, st.StartTime
	return p, id
}

func dead(me, other host.Identity) bool { return me.State(other) == host.Dead }

// One process through its life: alive, a zombie, gone.
func TestDeadThroughALife(t *testing.T) {
	me := known(t)
	p, id := child(t)
	if got := me.State(id); got != host.Alive {
		t.Errorf("%v while it runs", got)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !dead(me, id); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not dead as a zombie")
		}
	}
	if st, err := host.ReadStat(p.Pid); err != nil || st.State != 'Z' {
		t.Errorf("dead before it was a zombie: %+v, %v", st, err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if !dead(me, id) {
		t.Error("not dead after it was reaped")
	}
}

// The same pid now belongs to another process.
func TestDeadWhenThePidWasReused(t *testing.T) {
	me := known(t)
	_, id := child(t)
	id.StartTime--
	if !dead(me, id) {
		t.Error("not dead although the pid is another's")
	}
}

func TestDeadAfterReboot(t *testing.T) {
	const initial = "pid:[4026531836]"
	me := known(t)
	me.PIDNamespace, me.Hostname = initial, "web1"
	for _, tc := range []struct {
		name   string
		change func(me, other *host.Identity)
		want   bool
	}{
		{"this machine", func(_, _ *host.Identity) {}, true},
		{"a clone of another name", func(_, o *host.Identity) { o.Hostname = "web2" }, false},
		{"no name", func(m, o *host.Identity) { m.Hostname, o.Hostname = "", "" }, false},
		{"a container", func(m, o *host.Identity) { m.PIDNamespace, o.PIDNamespace = "pid:[4026532211]", "pid:[4026532211]" }, false},
		{"another machine", func(_, o *host.Identity) { o.MachineID = "ffffffffffffffffffffffffffffffff" }, false},
		{"no boot id", func(_, o *host.Identity) { o.BootID = "" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			me, other := me, me
			other.BootID, other.PID = "00000000-0000-0000-0000-000000000000", os.Getpid()
			tc.change(&me, &other)
			if got := dead(me, other); got != tc.want {
				t.Errorf("dead is %v", got)
			}
		})
	}
}

// A process about which there is a doubt is neither dead nor alive.
func TestNotDeadWhenUnsure(t *testing.T) {
	me := known(t)
	gone := me
	gone.PID = 1 << 30 // no such process
	if !dead(me, gone) {
		t.Fatal("the starting point: a pid that nobody has is dead")
	}
	for name, change := range map[string]func(m, o *host.Identity){
		"no machine id":       func(m, o *host.Identity) { m.MachineID, o.MachineID = "", "" },
		"its machine unknown": func(_, o *host.Identity) { o.MachineID = "" },
		"other machine":       func(_, o *host.Identity) { o.MachineID = "ffffffffffffffffffffffffffffffff" },
		"other namespace":     func(_, o *host.Identity) { o.PIDNamespace = "pid:[1]" },
		"no namespace":        func(m, o *host.Identity) { m.PIDNamespace, o.PIDNamespace = "", "" },
		"no boot ids":         func(m, o *host.Identity) { m.BootID, o.BootID = "", "" },
		"pid 0":               func(_, o *host.Identity) { o.PID = 0 },
		"pid -1":              func(_, o *host.Identity) { o.PID = -1 },
		"a process group":     func(_, o *host.Identity) { o.PID = -(1 << 30) },
		"this very process":   func(m, o *host.Identity) { o.PID = m.PID },
		"nothing known":       func(_, o *host.Identity) { *o = host.Identity{} },
	} {
		m, o := me, gone
		change(&m, &o)
		want := host.Unknown
		if name == "this very process" {
			want = host.Alive
		}
		if got := m.State(o); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestSameMachine(t *testing.T) {
	a := known(t)
	b := a
	b.PID, b.BootID, b.Hostname = 1, "another", "renamed"
	if !a.SameMachine(b) || !b.SameMachine(a) {
		t.Error("not the same machine after a reboot and a new name")
	}
	b.PIDNamespace = "pid:[1]"
	if a.SameMachine(b) {
		t.Error("the same machine in another pid namespace")
	}
	if (host.Identity{}).SameMachine(host.Identity{}) {
		t.Error("two unknown machines are the same")
	}
}
