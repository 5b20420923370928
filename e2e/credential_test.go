//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// Redis wants a password. Gordon gets it as a credential, and nobody else sees it.
func TestPasswordAsCredential(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const password = "correct-horse-battery"
		m.script("hello", `env >/var/lib/gordon/env; id >>/var/lib/gordon/said`)
		m.script("reads", `cat /run/credentials/gordon.service/redis-password >"/var/tmp/read-by-$1" || echo no >"/var/tmp/read-by-$1"`)
		m.install(*dist)
		m.tasks([]string{"hello"})
		m.run("redis-cli CONFIG SET requirepass %s", password)
		m.run("systemctl restart gordon || true")
		m.eventually("the status says what Redis wants", func() error {
			if log := m.said("--unit gordon --output=cat"); !strings.Contains(log, "NOAUTH") {
				return notYet("%s", m.property("StatusText"))
			}
			return nil
		})

		// As the example says.
		m.write("/etc/gordon.redis-password", password+"\n", 0o600)
		m.write("/etc/gordon.d/10-redis.toml", "[redis]\npassword_file = \"credential:redis-password\"\n", 0o644)
		m.run(`mkdir -p /etc/systemd/system/gordon.service.d
cp /usr/share/doc/gordon/examples/redis-password.conf /etc/systemd/system/gordon.service.d/
systemctl daemon-reload && systemctl restart gordon && systemctl reload gordon`)
		m.run(`REDISCLI_AUTH=%s redis-cli RPUSH taskqueue:hello '{}'`, password)
		m.waitLines("/var/lib/gordon/said", 1)

		for where, command := range map[string]string{
			"the daemon's environment":   "tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value gordon)/environ",
			"a task's environment":       "cat /var/lib/gordon/env",
			"a command line":             "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' || true",
			"the journal":                "journalctl --sync && journalctl --output=verbose",
			"what systemctl show prints": "systemctl show gordon; systemctl cat gordon; systemctl status gordon",
		} {
			if text := m.run("%s", command); text == "" || strings.Contains(text, password) {
				t.Errorf("the password is in %s, or there is nothing:\n%s", where, text)
			}
		}
		if env := strings.Join(m.lines("/var/lib/gordon/env"), "\n"); strings.Contains(env, "CREDENTIALS_DIRECTORY") {
			t.Errorf("the task knows where credentials are:\n%s", env)
		}

		// Who can read the file, as the example says.
		m.run("useradd --system web && cp /usr/share/doc/gordon/examples/users.conf /etc/systemd/system/gordon.service.d/ && systemctl daemon-reload")
		m.write("/etc/gordon.d/tasks.toml", "[tasks.own]\nscript = [\"/usr/local/bin/reads\", \"gordon\"]\n"+
			"[tasks.web]\nscript = [\"/usr/local/bin/reads\", \"web\"]\nuser = \"web\"\n", 0o644)
		m.run("systemctl restart gordon")
		for taskType, want := range map[string]string{"own": password, "web": "no"} {
			m.run(`REDISCLI_AUTH=%s redis-cli RPUSH taskqueue:%s '{}'`, password, taskType)
			who := strings.Replace(taskType, "own", "gordon", 1)
			if got := m.waitLines("/var/tmp/read-by-"+who, 1); got[0] != want {
				t.Errorf("a task of user %s reads %q", who, got)
			}
		}
		t.Logf("logged in with a credential: %s", m.property("StatusText"))
	})
}
