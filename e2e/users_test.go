//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Tasks run as another user, as the example for the unit says: with the strict
// sandbox and without. The scripts get nothing of what gordon needs for it.
func TestUsers(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("who", `{
	echo "$(id -un) $(id -Gn) $HOME $USER ${SHELL-none} $(pwd) $(umask) $(nice) $APP_ENV"
	grep ^Cap /proc/self/status | grep -v CapBnd | tr -d '\n\t'
	kill -0 $PPID && echo " may signal gordon" || echo
} >>/srv/said 2>/dev/null`)
		m.script("plain", `grep ^Cap /proc/self/status | grep -v CapBnd | tr -d '\n\t' >/var/lib/gordon/caps`)
		m.script("large", `jq --raw-output '(.args | length), (.args[0] | length), .order.id' >/srv/large`)
		m.script("hangs", `(setsid sh -c 'trap "" TERM; exec sleep 1000' &); exec sleep 1000`)
		m.run(`groupadd --system press && useradd --system --create-home --home-dir /srv/web --shell /bin/bash --groups press web
install -d -m 1777 /srv && touch /srv/said /srv/large && chmod 666 /srv/said /srv/large`)
		m.install(*dist)
		m.write("/etc/gordon.d/tasks.toml", `failed_tasks_ttl = 3600
[tasks.plain]
script = "/usr/local/bin/plain"

[tasks.who]
script = ["/usr/local/bin/who"]
user = "web"
working_directory = "~"
umask = "0027"
nice = 5
environment = { APP_ENV = "production" }

[tasks.large]
script = "/usr/local/bin/large"
user = "web"
stdin = "entry"

[tasks.hangs]
script = "/usr/local/bin/hangs"
user = "web"
timeout = "1s"
kill_grace = "500ms"
`, 0o644)

		// Without the rights the old configuration goes on, and a start is refused.
		m.refuse(1, "systemctl reload gordon")
		m.eventually("gordon gives up", func() error {
			_, _ = m.try("systemctl restart gordon")
			if state := m.property("ActiveState") + " " + m.property("ExecMainStatus"); state != "failed 78" {
				return notYet("it is %s", state)
			}
			return nil
		})
		wantIn(t, m.said("--unit gordon --output=cat"), "/etc/gordon.d/tasks.toml:7: tasks.who.user: cannot become user web: operation not permitted",
			"add AmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL to the unit")

		// As the example says.
		m.run(`mkdir -p /etc/systemd/system/gordon.service.d
cp /usr/share/doc/gordon/examples/users.conf /etc/systemd/system/gordon.service.d/30-users.conf
systemctl daemon-reload; systemctl reset-failed gordon; systemctl restart gordon && systemctl reload gordon`)
		wantUsers(m, 1, 5)

		// With the strict tier, and all lines for it. The homes are the tasks' to use.
		m.run(`cd /etc/systemd/system/gordon.service.d
ln -s /usr/share/gordon/strict.conf 10-strict.conf
sed -i -E 's/^#(CapabilityBoundingSet|SystemCallFilter|PrivateUsers|ProtectProc)/\1/' 30-users.conf
echo 'ReadWritePaths=/srv' >>30-users.conf
systemctl daemon-reload; systemctl restart gordon && systemctl reload gordon`)
		wantVerified(m, "gordon.service")
		wantUsers(m, 2, 5)
		wantIn(t, m.said("--unit gordon --output=cat"), "control groups are not available; tasks run without them", "a unit without RestrictNamespaces=")

		// Only what is asked for needs more.
		m.run("sed -i 's/nice = 5/nice = -5/' /etc/gordon.d/tasks.toml")
		m.refuse(1, "systemctl daemon-reload; systemctl restart gordon")
		wantIn(t, m.said("--unit gordon --output=cat"), "tasks.toml:10: tasks.who.nice: cannot set the nice value to -5", "CAP_SYS_NICE")
		m.run(`cd /etc/systemd/system/gordon.service.d && sed -i -E 's/^#(AmbientCapabilities=CAP_SYS_NICE)/\1/; s/^CapabilityBoundingSet=/& CAP_SYS_NICE /' 30-users.conf
systemctl daemon-reload; systemctl reset-failed gordon; systemctl restart gordon`)
		wantUsers(m, 3, -5)
	})
}

// wantUsers pushes one entry of each type of TestUsers, for the nth time.
func wantUsers(m *machine, n, nice int) {
	m.t.Helper()
	const none = "CapInh:0000000000000000CapPrm:0000000000000000CapEff:0000000000000000CapAmb:0000000000000000"
	m.run("rm -f /var/lib/gordon/caps; : >/srv/large")
	m.push("who")
	said := m.waitLines("/srv/said", 2*n)
	want := fmt.Sprintf("web web press /srv/web web /bin/bash /srv/web 0027 %d production\n%s", nice, none)
	if got := strings.Join(said[2*n-2:], "\n"); got != want {
		m.t.Errorf("run as another user, it says\n%s\nwant\n%s", got, want)
	}
	m.push("plain")
	if got := m.waitLines("/var/lib/gordon/caps", 1)[0]; got != none {
		m.t.Errorf("run as gordon, it has %s", got)
	}
	m.run(`printf '{"args":["%%0500000d"],"order":{"id":7}}' 1 | redis-cli -x RPUSH taskqueue:large`)
	if got := strings.Join(m.waitLines("/srv/large", 3), " "); got != "1 500000 7" {
		m.t.Errorf("of the large entry it reads %q", got)
	}
	m.push("hangs")
	m.eventually("the task that hangs is on the failed list", func() error {
		if failed := m.run("redis-cli LRANGE taskqueue:hangs:failed %d -1", n-1); !strings.Contains(failed, "timed out after 1s") {
			return notYet("it holds %q", failed)
		}
		return nil
	})
	// A process that has ended waits for pid 1 to take note, for a moment.
	if left, _ := m.try("ps -o stat=,args= -u web | grep -v ^Z"); left != "" {
		m.t.Errorf("left of the task that hung:\n%s", left)
	}
	m.t.Logf("run %d: %s", n, said[len(said)-2])
}
