//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// Root checks a configuration, with and without the service: both times the verdict is
// that of the service, which runs as another user.
func TestCheckJudgesForTheService(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `true`)
		m.install(*dist)
		m.tasks([]string{"hello"})
		m.run("systemctl restart gordon")
		if said := m.run("gordon check 2>&1"); !strings.HasSuffix(said, "Configuration is valid") || strings.Contains(said, "judged") {
			t.Errorf("beside the service, check says:\n%s", said)
		}
		for _, service := range []string{"runs", "is stopped"} {
			m.tasks([]string{"hello"}, `user = "nobody"`)
			wantIn(t, m.refuse(78, "gordon check 2>&1"), "/etc/gordon.d/tasks.toml:3: tasks.hello.user: ", "CAP_SETUID")
			m.tasks([]string{"hello"})
			m.write("/etc/gordon.d/closed.toml", "[tasks.hello]\nworkers = 2\n", 0o600)
			said := m.refuse(78, "gordon check 2>&1")
			wantIn(t, said, "/etc/gordon.d/closed.toml: can't be opened: permission denied")
			t.Logf("while the service %s:\n%s", service, said)
			m.run("rm /etc/gordon.d/closed.toml && systemctl stop gordon")
		}
		wantIn(t, m.run("gordon check 2>&1"), "checked with the permissions of gordon", "Configuration is valid")
		// A drop-in for the unit may give rights that check does not try out.
		m.write("/etc/systemd/system/gordon.service.d/users.conf", "[Service]\nAmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL\n", 0o644)
		m.run("systemctl daemon-reload")
		m.tasks([]string{"hello"}, `user = "nobody"`)
		wantIn(t, m.run("gordon check 2>&1"), "Notice: /etc/gordon.d/tasks.toml:3: tasks.hello.user: ", "Configuration is valid")
	})
}
