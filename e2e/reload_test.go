//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// A reload takes effect before it returns, or fails and changes nothing.
func TestReload(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("first", `echo first >>/var/lib/gordon/said`)
		m.script("second", `echo second >>/var/lib/gordon/said`)
		m.install(*dist)
		m.tasks([]string{"first"})
		m.run("systemctl restart gordon")
		pid := m.mainPID()

		m.write("/etc/gordon.d/stats.toml", "[stats]\ninterface = \"127.0.0.1:8080\"\n", 0o644)
		m.tasks([]string{"first", "second"})
		// Nothing waits between the two: the port is open when systemctl returns.
		m.run("systemctl reload gordon && exec 3<>/dev/tcp/127.0.0.1/8080")
		m.push("second")
		m.waitLines("/var/lib/gordon/said", 1)

		// A fault that the check finds.
		m.tasks([]string{"first", "second"}, `workers = "many"`)
		m.refuse(1, "systemctl reload gordon")
		said := m.said("--unit gordon --output=cat | tail -n 8")
		wantIn(t, said, "/etc/gordon.d/tasks.toml:3", "workers")
		t.Logf("a refused reload says:\n%s", said)

		// A fault that only the daemon can find: the port is taken, by Redis.
		m.tasks([]string{"first", "second"})
		m.write("/etc/gordon.d/stats.toml", "[stats]\ninterface = \"127.0.0.1:6379\"\n", 0o644)
		m.refuse(1, "systemctl reload gordon")
		wantIn(t, m.said("--unit gordon --output=cat | tail -n 8"), "127.0.0.1:6379: bind: address already in use")

		// What was in effect goes on.
		m.run("exec 3<>/dev/tcp/127.0.0.1/8080")
		m.push("second")
		m.waitLines("/var/lib/gordon/said", 2)
		if now := m.mainPID(); now != pid {
			t.Errorf("gordon was pid %d and is pid %d now", pid, now)
		}
		if state := m.property("ActiveState"); state != "active" {
			t.Errorf("the unit is %s after a refused reload", state)
		}
	})
}

// A restart waits for tasks, also for one that takes longer than the unit's
// TimeoutStopSec: gordon asks systemd for more time.
func TestRestartWaitsForTasks(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const entries = 3
		m.script("long", `echo "start $1" >>/var/lib/gordon/log; sleep 40; echo "end $1" >>/var/lib/gordon/log`)
		m.install(*dist)
		m.tasks([]string{"long"}, "workers = 3")
		m.run("systemctl restart gordon")
		pushNumbers(m, "long", entries)
		m.waitLines("/var/lib/gordon/log", entries)
		began := time.Now()
		m.run("systemctl restart gordon")
		took := time.Since(began)
		if lines := m.lines("/var/lib/gordon/log"); len(lines) != 2*entries {
			t.Errorf("the restart did not wait: %q", lines)
		}
		wantEachOnce(m, "/var/lib/gordon/log", entries)
		wantEmpty(m, "long")
		t.Logf("the restart waited %v for %d tasks; TimeoutStopSec is %s", took.Round(time.Second), entries, m.property("TimeoutStopUSec"))
	})
}
