//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// stubborn is a script that does not end by itself at its first run, and leaves a
// process behind that has left its process group and its parent. It writes down the
// pids of both.
const stubborn = `n=$(cat /var/lib/gordon/runs 2>/dev/null | wc -l)
echo "run $1" >>/var/lib/gordon/runs
test "$n" -gt 0 && { echo "end $1" >>/var/lib/gordon/ends; exit; }
trap '' TERM
setsid sh -c 'trap "" TERM; (echo $$ >/var/lib/gordon/escaped; exec sleep 600) & wait' &
echo $$ >/var/lib/gordon/pid
while :; do sleep 600; done`

// beginStubborn installs gordon and waits until a stubborn task runs with all of
// its processes.
func beginStubborn(m *machine) (pids []string) {
	m.t.Helper()
	m.script("stubborn", stubborn)
	m.install(*dist)
	m.write("/etc/gordon.d/10-stop.toml", "shutdown_timeout = \"2s\"\nkill_grace = \"1s\"\n", 0o644)
	m.tasks([]string{"stubborn"})
	m.run("systemctl restart gordon")
	m.push("stubborn", "1")
	return []string{m.waitLines("/var/lib/gordon/pid", 1)[0], m.waitLines("/var/lib/gordon/escaped", 1)[0]}
}

// wantGone fails unless the processes have ended.
func wantGone(m *machine, pids []string) {
	m.t.Helper()
	for _, pid := range pids {
		if out, err := m.try("ps -o pid=,stat=,args= -p " + pid); err == nil && !strings.Contains(out, "<defunct>") {
			m.t.Errorf("a process of the task lives on: %s", out)
		}
	}
}

// atOnce is less than what the entries of a daemon wait for whose death is not certain
// (a lease and a sixth of one). That of one on the same machine is, and its entries
// wait for nothing.
const atOnce = 30 * time.Second

// wantRunAgain waits until the daemon after the dead one has run the entry to its
// end, when all of the first run has to be gone.
func wantRunAgain(m *machine, dead int, pids []string) {
	m.t.Helper()
	m.within(2*patience, "systemd has started another gordon", func() error {
		now := m.property("MainPID")
		if now == fmt.Sprint(dead) || now == "0" {
			return notYet("it has pid %s", now)
		}
		return nil
	})
	m.waitActive()
	m.within(atOnce, "the entry has run again", func() error {
		if m.lines("/var/lib/gordon/ends")[0] == "" {
			return errNotYet
		}
		return nil
	})
	wantGone(m, pids)
	wantEmpty(m, "stubborn")
	if runs := m.lines("/var/lib/gordon/runs"); len(runs) != 2 {
		m.t.Errorf("the entry ran %d times, want 2", len(runs))
	}
	wantIn(m.t, m.said("--unit gordon MESSAGE_ID=60750a239eb64e5a97f1cb8f2e84716a --output=cat"), "requeued the entries of a dead instance")
	m.waitActive()
}

// Gordon is stuck: the watchdog finds it.
func TestWatchdog(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		pids := beginStubborn(m)
		stuck := m.mainPID()
		m.run("kill -STOP %d", stuck)
		wantRunAgain(m, stuck, pids)
		wantIn(t, m.said("--unit gordon"), "Watchdog timeout")
		t.Logf("pid %d was stopped; systemd restarted gordon, and the entry ran again", stuck)
	})
}

// Gordon is killed and can't do anything about it.
func TestKill9(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		pids := beginStubborn(m)
		dead := m.mainPID()
		m.run("kill -KILL %d", dead)
		wantRunAgain(m, dead, pids)
		t.Logf("gordon was killed; its task's processes %v went with it, and the entry ran again", pids)
	})
}

// A task ignores SIGTERM and has forked itself away; the administrator stops gordon.
func TestStopEndsWhatIgnoresSIGTERM(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		pids := beginStubborn(m)
		m.run("systemctl stop gordon")
		wantGone(m, pids)
		if got := m.run("redis-cli --raw LRANGE taskqueue:stubborn 0 -1"); got != `{"args":["1"]}` {
			t.Errorf("the queue holds %q, want the entry", got)
		}
		if result := m.property("Result"); result != "success" {
			t.Errorf("the stop was no clean one for systemd: %s", result)
		}
		m.run("systemctl start gordon")
		m.waitLines("/var/lib/gordon/ends", 1)
		wantEmpty(m, "stubborn")
		t.Logf("the stop ended %v and gave the entry back, which ran at the next start", pids)
	})
}
