//go:build e2e

package e2e

import "testing"

// A typo in the configuration, and a start.
func TestConfigErrorAtStart(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo hello >>/var/lib/gordon/said`)
		m.install(*dist)
		m.tasks([]string{"hello"}, "wokers = 4")
		m.refuse(1, "systemctl restart gordon")
		for name, want := range map[string]string{"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": "78", "NRestarts": "0"} {
			if got := m.property(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		journal := m.said("--unit gordon --output=cat")
		wantIn(t, journal, "/etc/gordon.d/tasks.toml:3", "wokers", "workers")
		t.Logf("exit status %s, no restart; the journal says:\n%s", m.property("ExecMainStatus"), m.said("--unit gordon --output=cat --grep wokers"))

		m.tasks([]string{"hello"}, "workers = 4")
		m.run("systemctl start gordon")
		m.push("hello")
		m.waitLines("/var/lib/gordon/said", 1)
	})
}
