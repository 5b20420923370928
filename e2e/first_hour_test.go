//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// The first hour of an administrator with gordon.
func TestFirstHour(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo "$(id -un) $# <$1> <$2>" >>/var/lib/gordon/said`)
		m.script("broken", `echo "disk is full" >&2; exit 3`)

		apt := m.install(*dist)
		wantIn(t, apt, "redis-server") // recommended
		if strings.Contains(apt, "Warning") || strings.Contains(strings.ToLower(apt), "failed") {
			t.Errorf("apt complains:\n%s", apt)
		}
		if got := m.run("stat -c '%%U:%%G %%a' /etc/gordon.toml /etc/gordon.d /var/lib/gordon"); got != "root:gordon 640\nroot:gordon 750\ngordon:gordon 750" {
			t.Errorf("owners and modes are\n%s", got)
		}

		m.tasks([]string{"hello", "broken"})
		m.run("systemctl enable --now gordon")
		m.run("systemctl reload gordon")
		m.push("hello", "a b", "*")
		m.push("broken")

		if got := m.waitLines("/var/lib/gordon/said", 1)[0]; got != "gordon 2 <a b> <*>" {
			t.Errorf("the script said %q", got)
		}
		t.Logf("the script ran: %s", m.lines("/var/lib/gordon/said")[0])
		theJournalKnows(t, m)
		theStatusIsLive(t, m)
		theManualIsThere(t, m)
	})
}

func theJournalKnows(t *testing.T, m *machine) {
	t.Helper()
	var failures []map[string]any
	m.eventually("journalctl GORDON_TASK_TYPE=broken finds the failure", func() error {
		if failures = m.journal("-u gordon GORDON_TASK_TYPE=broken GORDON_OUTCOME=failed"); len(failures) == 0 {
			return errNotYet
		}
		return nil
	})
	for field, want := range map[string]string{
		"GORDON_TASK_TYPE": "broken", "GORDON_EXIT_STATUS": "3", "SYSLOG_IDENTIFIER": "gordon", "PRIORITY": "3",
		"MESSAGE_ID": "4b977518dadf446e8a923861ddd0ae59", "_SYSTEMD_UNIT": "gordon.service",
	} {
		if got := failures[0][field]; got != want {
			t.Errorf("%s is %v in the journal, want %s", field, got, want)
		}
	}
	for _, field := range []string{"GORDON_TASK_ID", "GORDON_DURATION_USEC", "GORDON_ERROR"} {
		if text, _ := failures[0][field].(string); text == "" {
			t.Errorf("%s is missing in the journal: %v", field, failures[0])
		}
	}
	t.Logf("journalctl: %v", failures[0]["MESSAGE"])

	explained := m.said("--unit gordon --catalog GORDON_TASK_TYPE=broken")
	wantIn(t, explained, "A task of type broken has failed", "disk is full", "man:gordon-queue(7)")
	if strings.Contains(explained, "@GORDON") {
		t.Errorf("the catalog has names of fields that nothing replaced:\n%s", explained)
	}
}

func theStatusIsLive(t *testing.T, m *machine) {
	t.Helper()
	m.eventually("systemctl status counts the tasks", func() error {
		if status := m.property("StatusText"); !strings.Contains(status, "1 done, 1 failed; redis ok") {
			return notYet("it says %q", status)
		}
		return nil
	})
	t.Logf("systemctl status: %s", m.property("StatusText"))
	wantIn(t, m.run("systemctl status gordon"), "Docs: man:gordon(8)", "active (running)", `Status: "`)
}

func theManualIsThere(t *testing.T, m *machine) {
	t.Helper()
	for page, title := range map[string]string{"8 gordon": "GORDON(8)", "5 gordon.toml": "GORDON.TOML(5)", "7 gordon-queue": "GORDON-QUEUE(7)"} {
		wantIn(t, m.run("man %s", page), title, "EXAMPLES")
	}
}
