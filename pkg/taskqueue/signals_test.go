package taskqueue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// waits notes its run and its pid, and runs until the file go is there.
const waits = `echo "$GORDON_ATTEMPT:$1" >>"$D/started"; echo $$ >>"$D/pids"; while ! [ -e "$D/go" ]; do sleep 0.05; done; echo "$1" >>"$D/done"`

// ending is how a script ends by a signal.
var endings = map[string]func(syscall.Signal) string{
	"dies of it": func(syscall.Signal) string { return "" },
	"catches it": func(sig syscall.Signal) string { return fmt.Sprintf("trap 'exit %d' %d; ", 128+sig, sig) },
}

// kill sends sig to the scripts that run, the last n that have noted their pid, and
// returns their pids: others may begin at once.
func (r *rig) kill(sig syscall.Signal, n int) (pids []string) {
	r.t.Helper()
	pids = r.lines("pids")
	pids = pids[len(pids)-n:]
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err == nil {
			err = syscall.Kill(pid, sig)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return pids
}

// untilDead waits until these scripts have ended, reaped or not.
func (r *rig) untilDead(pids []string) {
	r.t.Helper()
	r.until("the scripts have ended", func() bool {
		return !slices.ContainsFunc(pids, func(pid string) bool { return alive(r.t, pid) })
	})
}

func numbered(n int) string { return fmt.Sprintf(`{"args":["%d"]}`, n) }

// eachOrder tells a story for a daemon that gets the signal before its tasks and for
// one that gets it when they are dead.
func eachOrder(t *testing.T, story func(t *testing.T, r *rig, strike func(syscall.Signal, int))) {
	for _, daemonFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("daemon first %v", daemonFirst), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.signals = task.NewSignals(time.Minute) // the test says when, however busy the machine is
			story(t, r, func(sig syscall.Signal, n int) {
				if daemonFirst {
					r.signals.Note(sig)
				}
				r.untilDead(r.kill(sig, n))
				if !daemonFirst {
					r.signals.Note(sig)
				}
			})
		})
	}
}

// The signal to stop that reaches the tasks as well ("systemctl kill") stops them:
// their entries go back in their order, and none runs in the meantime.
func TestTasksThatEndByTheSignalToStopGoBack(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT} {
		for name, trap := range endings {
			t.Run(unix.SignalName(sig)+" "+name, func(t *testing.T) {
				eachOrder(t, func(t *testing.T, r *rig, strike func(syscall.Signal, int)) {
					r.task("T", trap(sig)+waits, workers(3), func(c *config.Task) { c.Failed.TTL = 0 })
					want := []string{numbered(0), numbered(1), numbered(2), numbered(3)}
					r.push("T", want...)
					r.start()
					r.until("three run", func() bool { return len(r.lines("pids")) == 3 })
					strike(sig, 3)
					r.until("none runs", func() bool { return r.counters.Snapshot().Running == 3 }) // they wait for the stop
					r.pool.Shutdown(time.Minute, time.Minute, nil)
					if diff := cmp.Diff(want, r.server.List(t, "q:T")); diff != "" {
						t.Errorf("the queue: %s", diff)
					}
					if n := len(r.lines("started")); n != 3 {
						t.Errorf("%d runs, want 3", n)
					}
					if left := r.server.Keys(t, "*"); len(left) != 1 {
						t.Errorf("left in redis: %v", left)
					}
				})
			})
		}
	}
}

// A signal after which the daemon goes on has the entry run again at once, as the
// same attempt.
func TestTasksThatEndByTheSignalToReloadRunAgain(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2} {
		for name, trap := range endings {
			t.Run(unix.SignalName(sig)+" "+name, func(t *testing.T) {
				eachOrder(t, func(t *testing.T, r *rig, strike func(syscall.Signal, int)) {
					r.task("T", trap(sig)+waits)
					r.push("T", numbered(0), numbered(1))
					r.start()
					r.until("one runs", func() bool { return len(r.lines("pids")) == 1 })
					strike(sig, 1)
					r.until("one runs again", func() bool { return len(r.lines("pids")) == 2 })
					r.write("go")
					r.ended(2)
					if diff := cmp.Diff([]string{"1:0", "1:0", "1:1"}, r.lines("started")); diff != "" {
						t.Errorf("attempts and entries: %s", diff)
					}
					if s := r.counters.Snapshot(); s.Failed != 0 {
						t.Errorf("%d failed", s.Failed)
					}
				})
			})
		}
	}
}

// on_crash = "fail" means never a second run here, too.
func TestASharedSignalIsNoSecondRunForTasksThatMustNotHaveOne(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			eachOrder(t, func(t *testing.T, r *rig, strike func(syscall.Signal, int)) {
				r.task("T", waits, func(c *config.Task) { c.OnCrash, c.Failed.TTL = config.CrashFail, 0 })
				r.push("T", numbered(0))
				r.start()
				r.until("it runs", func() bool { return len(r.lines("pids")) == 1 })
				strike(sig, 1)
				r.pool.Shutdown(time.Minute, time.Minute, nil)
				if failed := r.failed("T"); len(failed) != 1 || !strings.Contains(failed[0], "a signal sent to gordon also killed this task") || !strings.Contains(failed[0], `"outcome":"stopped"`) {
					t.Errorf("failed list: %q", failed)
				}
				if left := r.server.List(t, "q:T"); len(left) != 0 {
					t.Errorf("it waits to run again: %q", left)
				}
			})
		})
	}
}

// What the script decides by itself counts, and so does a signal that is not the
// daemon's.
func TestOnlyTheSharedSignalExcusesATask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trap       string
		note, kill syscall.Signal
		outcome    string
	}{
		"not the daemon's":                {"", 0, unix.SIGTERM, "signal"},
		"another one":                     {"", unix.SIGHUP, unix.SIGTERM, "signal"},
		"one that daemons do not get":     {"", unix.SIGALRM, unix.SIGALRM, "signal"},
		"caught, and the script gives up": {"trap 'exit 3' TERM; ", unix.SIGTERM, unix.SIGTERM, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.signals = task.NewSignals(time.Millisecond)
			r.task("T", c.trap+waits)
			r.push("T", numbered(0))
			r.start()
			r.until("it runs", func() bool { return len(r.lines("pids")) == 1 })
			if c.note != 0 {
				r.signals.Note(c.note)
			}
			r.kill(c.kill, 1)
			r.ended(1)
			if failed := r.failed("T"); len(failed) != 1 || !strings.Contains(failed[0], fmt.Sprintf(`"outcome":%q`, c.outcome)) {
				t.Errorf("failed list: %q", failed)
			}
		})
	}
}

// A child that ignores the signal must not run beside the next run.
func TestASharedSignalEndsTheWholeTree(t *testing.T) {
	t.Parallel()
	eachOrder(t, func(t *testing.T, r *rig, strike func(syscall.Signal, int)) {
		r.task("T", `setsid sh -c 'trap "" HUP TERM; echo $$ >>"$1/children"; while [ -d "$1" ] && ! [ -e "$1/go" ]; do sleep 0.05; done' x "$D" >&- 2>&- &
while [ "$(wc -l <"$D/children")" -le "$(wc -l <"$D/pids")" ]; do sleep 0.05; done
`+waits, func(c *config.Task) { c.KillGrace = 100 * time.Millisecond })
		r.write("pids")
		r.write("children")
		r.push("T", numbered(0))
		r.start()
		r.until("it runs", func() bool { return len(r.lines("pids")) == 1 })
		strike(unix.SIGHUP, 1)
		r.until("it runs again", func() bool { return len(r.lines("pids")) == 2 })
		if alive(t, r.lines("children")[0]) {
			t.Error("a child of the first run lives beside the second")
		}
		r.write("go")
		r.ended(1)
	})
}

// Nobody has been told when the error_script has died of the daemon's signal.
func TestErrorScriptThatEndsByASharedSignalRunsAgain(t *testing.T) {
	t.Parallel()
	eachOrder(t, func(t *testing.T, r *rig, strike func(syscall.Signal, int)) {
		r.errorScript(`echo $$ >>"$D/pids"; while ! [ -e "$D/go" ]; do sleep 0.05; done; cat "$1" >>"$D/told"`)
		r.task("T", "exit 3")
		r.push("T", numbered(0))
		r.start()
		r.until("it tells", func() bool { return len(r.lines("pids")) == 1 })
		strike(unix.SIGHUP, 1)
		r.until("it tells again", func() bool { return len(r.lines("pids")) == 2 })
		r.write("go")
		r.ended(1)
		if n := strings.Count(r.read("told"), "exit status 3"); n != 1 {
			t.Errorf("told %d times of the failure", n)
		}
	})
}
