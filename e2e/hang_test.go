//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// A log is rotated whatever the daemon is busy with, and whatever becomes of its
// reload; logrotate would leave an empty new file alone for ever.
func TestLogrotateWhateverElseFails(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.install(*dist)
		const log = "logfile = \"/var/log/gordon/gordon.log\"\n"
		m.write("/etc/gordon.d/10-log.toml", log, 0o644)
		m.run("systemctl reload gordon")
		rotate := func(why string) {
			t.Helper()
			m.run("logrotate --force /etc/logrotate.d/gordon 2>&1")
			m.waitLines("/var/log/gordon/gordon.log", 1)
			if open := m.run("ls -l /proc/%d/fd", m.mainPID()); strings.Contains(open, "gordon.log.1") {
				t.Errorf("%s: the old log is still open", why)
			}
		}
		m.write("/etc/gordon.d/10-log.toml", log+"nonsense = 1\n", 0o644)
		rotate("a faulty configuration")
		// An administrator's own rule may reload.
		m.run("mv /var/log/gordon/gordon.log /var/log/gordon/gordon.log.moved")
		m.refuse(1, "systemctl reload gordon")
		m.waitLines("/var/log/gordon/gordon.log", 1)

		m.write("/etc/gordon.d/10-log.toml", log+"start_timeout = \"5m\"\n", 0o644)
		m.run("systemctl stop redis-server")
		rotate("redis is away")
		m.run("systemctl start redis-server")
		m.run("systemctl reload gordon")

		// The old file stays open where the daemon cannot open the new one, and that is
		// said.
		m.run("chown root:root /var/log/gordon/gordon.log && chmod 600 /var/log/gordon/gordon.log")
		m.run("sed -i 's/su gordon gordon/su root root/; s/create 0640 gordon gordon/create 0600 root root/' /etc/logrotate.d/gordon")
		m.run("sed -i 's/\"$tries\" = 10/\"$tries\" = 2/' /usr/share/gordon/reopen-logs")
		wantIn(t, m.refuse(1, "logrotate --force /etc/logrotate.d/gordon 2>&1"), "still writes to a log that was rotated away")
	})
}

// A reload that waits for Redis does not take effect when systemd has stopped waiting
// for it, and is no obstacle to a stop.
func TestReloadThatWaits(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", "true")
		m.install(*dist)
		good := "[tasks.hello]\nscript = \"/usr/local/bin/hello\"\n"
		bad := "redis_address = \"127.0.0.1:1\"\n"
		m.write("/etc/gordon.d/tasks.toml", good, 0o644)
		m.run("systemctl reload gordon")
		waits := func(timeout string) {
			t.Helper()
			m.write("/etc/gordon.d/tasks.toml", bad+"start_timeout = \""+timeout+"\"\n"+good, 0o644)
			m.run("systemctl --no-block reload gordon")
			m.eventually("the reload waits for Redis", func() error {
				if status := m.property("StatusText"); !strings.Contains(status, "reloading") {
					return notYet("the status is %q", status)
				}
				return nil
			})
		}
		over := func(why string) {
			t.Helper()
			m.eventually("the reload fails", func() error {
				if said := m.said("--unit gordon --output=cat | tail -n 8"); !strings.Contains(said, "reload failed") || !strings.Contains(said, why) {
					return notYet("the journal has %q", said)
				}
				return nil
			})
		}
		waits("1h")
		m.run("systemctl kill --kill-who=control --signal=KILL gordon")
		over("the client disconnected before the reload finished")
		if got := m.property("ActiveState"); got != "active" {
			t.Errorf("the unit is %s", got)
		}

		// For as long as gordon asks for more time, systemd does not give up.
		m.write("/etc/systemd/system/gordon.service.d/time.conf", "[Service]\nTimeoutStartSec=3s\n", 0o644)
		m.run("systemctl daemon-reload")
		waits("12s")
		over("start_timeout expired")
		if said := m.said("--unit gordon --output=cat | tail -n 20"); strings.Contains(said, "timed out") {
			t.Errorf("systemd has given up: %s", said)
		}
		if got := m.property("ActiveState"); got != "active" {
			t.Errorf("the unit is %s", got)
		}

		waits("1h")
		m.run("systemctl stop gordon")
		if state, result := m.property("ActiveState"), m.property("Result"); state != "inactive" || result != "success" {
			t.Errorf("after a stop during a reload the unit is %s, with the result %s", state, result)
		}
		m.write("/etc/gordon.d/tasks.toml", good, 0o644)
		m.run("systemctl start gordon")
	})
}
