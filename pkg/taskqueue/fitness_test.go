package taskqueue

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

func TestAnUnfitHostRestsLongerEachTime(t *testing.T) {
	t.Parallel()
	var f fitness
	now := time.Now()
	for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		if !f.admits(0, now) {
			t.Errorf("attempt %d is not admitted", i+1)
		}
		f.note(task.HostFault, now)
		f.note(task.HostFault, now) // what was started beside it
		f.note(task.NotTried, now)  // an entry that cannot be read
		rest := time.Duration(want) * time.Second
		if f.pause != rest || f.admits(0, now.Add(rest-1)) {
			t.Errorf("rest %d is %v, want %v", i+1, f.pause, rest)
		}
		now = now.Add(rest)
		if f.admits(1, now) {
			t.Error("more than one tries whether the host can by now")
		}
	}
	f.note(task.Started, now)
	if !f.admits(3, now) {
		t.Error("a host that can rests")
	}
}

// A host that cannot start a script takes few entries, in whichever way it cannot.
func TestAHostThatCannotStartTasksLeavesThemToOthers(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *rig, c *config.Task){
		"no script":      func(r *rig, c *config.Task) { c.Script = r.file("nowhere") },
		"not executable": func(r *rig, _ *config.Task) { check(r.t, os.Chmod(r.file("T.sh"), 0o644)) },
		"no interpreter": func(r *rig, _ *config.Task) { check(r.t, os.WriteFile(r.file("T.sh"), []byte("#!/nowhere\n"), 0o755)) },
		"no program":     func(r *rig, _ *config.Task) { check(r.t, os.WriteFile(r.file("T.sh"), []byte("no program\n"), 0o755)) },
		"no directory":   func(r *rig, c *config.Task) { c.Process.WorkingDirectory = r.file("nowhere") },
		"a closed directory": func(r *rig, c *config.Task) {
			check(r.t, os.Mkdir(r.file("closed"), 0o700))
			c.Process.WorkingDirectory, c.Process.User = r.file("closed"), "nobody"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unfit := newRig(t)
			fit := newRigOn(t, unfit.server)
			fit.task("T", `echo "$1" >>"$D/ran"`, workers(2))
			unfit.task("T", "exit 0", workers(2))
			task := unfit.config.Tasks["T"]
			spoil(unfit, &task)
			unfit.config.Tasks["T"] = task
			unfit.start()
			fit.start()
			const entries = 300
			for i := range entries {
				fit.push("T", fmt.Sprintf(`{"args":["%d"]}`, i))
			}
			fit.until("all are gone", func() bool { return fit.server.Do(t, "EXISTS", "q:T").(int64) == 0 && fit.inRunLists() == 0 })
			failed := unfit.counters.Snapshot().Failed
			if done := fit.counters.Snapshot().Done; done+failed != entries || failed > 20 {
				t.Errorf("%d failed on the host that cannot, %d ran on the other", failed, done)
			}
			if n := strings.Count(unfit.log.String(), "this host cannot start tasks of this type"); failed > 0 && n != 1 {
				t.Errorf("the log tells %d times that it cannot", n)
			}
		})
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Once the script is there, the type runs again, at the latest after its rest, and a
// reload ends that.
func TestAHostThatCanAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 0")
	check(t, os.Rename(r.file("T.sh"), r.file("moved")))
	r.start()
	r.push("T", "{}", "{}", "{}")
	r.until("it rests", func() bool { return strings.Contains(r.pool.Health(), "; cannot start here: T") })
	r.until("its rest is long", func() bool {
		return time.Until(r.pool.current.queues["T"].fitness.restsUntil()) > firstRest
	})
	check(t, os.Rename(r.file("moved"), r.file("T.sh")))
	began := time.Now()
	r.reload()
	r.until("the others have run", func() bool { return r.counters.Snapshot().Done == 1 })
	if d := time.Since(began); d > 1500*time.Millisecond {
		t.Errorf("the next one ran %v after the reload", d)
	}
	if s := r.pool.Health(); strings.Contains(s, "cannot start") {
		t.Errorf("status %q", s)
	}
}

// The first task that starts again may run for long; others start beside it.
func TestTasksStartBesideTheFirstOneThatCan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", waitForGo, workers(2))
	check(t, os.Rename(r.file("T.sh"), r.file("moved")))
	r.start()
	r.push("T", "{}")
	r.until("it rests", func() bool { return strings.Contains(r.pool.Health(), "; cannot start here: T") })
	check(t, os.Rename(r.file("moved"), r.file("T.sh")))
	r.push("T", "{}", "{}")
	r.until("both run", func() bool { return r.running() == 2 })
	r.write("go")
	r.ended(3)
}

// What is wrong with one entry is not wrong with the host.
func TestAnEntryThatCannotBeStartedIsNoFaultOfTheHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 0")
	r.start()
	r.push("T", `{"args":["`+strings.Repeat("x", 1<<20)+`"]}`, `{"args":["a\u0000b"]}`, `{"arg`, "{}")
	began := time.Now()
	r.ended(4)
	if d := time.Since(began); d > firstRest || strings.Contains(r.log.String(), "this host cannot") {
		t.Errorf("it took %v:\n%s", d, r.log)
	}
}
