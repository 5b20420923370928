//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// instance sets an instance up that uses the machine's Redis, with tasks of a script.
func (m *machine) instance(name, script string, lines ...string) {
	m.t.Helper()
	m.write("/etc/gordon/"+name+".toml", fmt.Sprintf("queue_key = %q\n%s\n[tasks.hello]\nscript = %q\n",
		name, strings.Join(lines, "\n"), script), 0o644)
}

// version returns that of the program that a unit runs, or "" if it runs none.
func (m *machine) version(unit string) string {
	m.t.Helper()
	said, err := m.try(fmt.Sprintf("/proc/$(systemctl show --property=MainPID --value %s)/exe --version", unit))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(said)
}

// waitVersion waits until the units run the version that is installed.
func (m *machine) waitVersion(units ...string) {
	m.t.Helper()
	installed := m.run("gordon --version")
	for _, unit := range units {
		m.eventually(unit+" runs the version that is installed", func() error {
			if running := m.version(unit); running != installed {
				return notYet("it runs %q, installed is %q", running, installed)
			}
			return nil
		})
	}
}

// An instance has another user. What belongs to gordon.service stays gordon's: its
// folders, its tasks and its logs, through starts, reloads and logrotate.
func TestInstanceOfAnotherUser(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		script := m.script("hello", `id -un >>"$(pwd)/said"; echo oops >&2`)
		m.install(*dist)
		m.tasks([]string{"hello"})
		m.write("/etc/gordon.d/10-log.toml", "logfile = \"/var/log/gordon/gordon.log\"\n", 0o644)
		m.instance("my-shop", script, `logfile = "/var/log/gordon-my-shop/tasks.log"`)
		m.run("useradd --system shop")
		m.write("/etc/systemd/system/gordon@my-shop.service.d/user.conf", "[Service]\nUser=shop\n", 0o644)
		m.run("systemctl daemon-reload && systemctl enable --now gordon@my-shop")
		m.run("systemctl reload gordon@my-shop gordon && systemctl restart gordon@my-shop")

		run := func(n int) {
			t.Helper()
			m.push("hello")
			m.run("redis-cli RPUSH my-shop:hello '{}'")
			for dir, want := range map[string]string{"gordon": "gordon", "gordon-my-shop": "shop"} {
				if got := m.waitLines("/var/lib/"+dir+"/said", n)[n-1]; got != want {
					t.Errorf("in %s the task ran as %s", dir, got)
				}
			}
		}
		run(1)
		want := "gordon:gordon 750\nshop:gordon 750\ngordon:gordon 750\nshop:gordon 750"
		if got := m.run("stat -c '%%U:%%G %%a' /var/lib/gordon /var/lib/gordon-my-shop /var/log/gordon /var/log/gordon-my-shop"); got != want {
			t.Errorf("the folders belong to\n%s\nwant\n%s", got, want)
		}

		m.run("logrotate --force /etc/logrotate.d/gordon 2>&1")
		run(2)
		for _, log := range []string{"/var/log/gordon/gordon.log", "/var/log/gordon-my-shop/tasks.log"} {
			m.eventually("the failure is in the new "+log, func() error {
				if text := strings.Join(m.lines(log), "\n"); !strings.Contains(text, "oops") {
					return notYet("it holds %q", text)
				}
				return nil
			})
		}
		want = "gordon:gordon\ngordon:gordon\nshop:gordon\nshop:gordon"
		if got := m.run("stat -c '%%U:%%G' /var/log/gordon/gordon.log{,.1} /var/log/gordon-my-shop/tasks.log{,.1}"); got != want {
			t.Errorf("the logs belong to\n%s\nwant\n%s", got, want)
		}
	})
}

// An upgrade restarts every daemon that is not down, whatever it does just then, and
// none that somebody has stopped.
func TestUpgradeRestartsEveryState(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		script := m.script("hello", `echo "$GORDON_TASK_ID" >>/var/lib/gordon/said`)
		m.install(*older)
		m.instance("starts", script, `start_timeout = "1h"`, `redis_address = "127.0.0.1:1"`)
		m.instance("reloads", script)
		m.instance("stopped", script)
		m.instance("broken", script)
		m.run(`systemctl start gordon@reloads gordon@stopped gordon@broken && systemctl stop gordon@stopped
systemctl --no-block start gordon@starts`)
		m.eventually("its first process runs", func() error {
			if m.version("gordon@starts") == "" {
				return errNotYet
			}
			return nil
		})
		// A daemon that does not move keeps its reload waiting.
		m.run("kill -STOP $(systemctl show --property=MainPID --value gordon@reloads) && systemctl --no-block reload gordon@reloads")
		m.instance("broken", script, `wokers = 3`)
		states := "systemctl show --property=ActiveState --value gordon@starts gordon@reloads gordon@stopped gordon@broken | xargs"
		m.eventually("they are in all states", func() error {
			if got := m.run("%s", states); got != "activating reloading inactive active" {
				return notYet("they are %s", got)
			}
			return nil
		})
		broken := m.run("systemctl show --property=MainPID --value gordon@broken")

		apt := m.install(*dist)

		m.waitVersion("gordon", "gordon@starts", "gordon@reloads")
		if got := m.run("systemctl is-active gordon@stopped || true"); got != "inactive" {
			t.Errorf("the one that was stopped is %s", got)
		}
		wantIn(t, apt, "gordon: gordon@broken.service is not started or restarted", "wokers")
		if now := m.run("systemctl show --property=MainPID --value gordon@broken"); now != broken {
			t.Errorf("the one with a faulty configuration was restarted: %s is %s", broken, now)
		}
	})
}

// An upgrade does not wait for a task that runs, and says so.
func TestUpgradeDoesNotWait(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("long", `echo begin >>/var/lib/gordon/said; while ! [ -e /var/lib/gordon/end ]; do sleep 0.1; done; echo end >>/var/lib/gordon/said`)
		m.install(*older)
		m.write("/etc/gordon.d/10-stop.toml", "shutdown_timeout = \"1h\"\n", 0o644)
		m.tasks([]string{"long"})
		m.run("systemctl restart gordon")
		m.push("long")
		m.waitLines("/var/lib/gordon/said", 1)
		m.eventually("the status counts the task", func() error {
			if status := m.property("StatusText"); !strings.HasPrefix(status, "1 running") {
				return notYet("it is %s", status)
			}
			return nil
		})
		file := m.bring(packageFile(t, *dist, "gordon_*_amd64.deb"))
		apt := m.run("apt-get install --yes %s", file) // for an hour, if it waited
		wantIn(t, apt, "gordon: gordon.service restarts in the background", "shutdown_timeout", "1 running")
		if lines := m.lines("/var/lib/gordon/said"); len(lines) != 1 {
			t.Errorf("the task was cut short: %q", lines)
		}
		m.run("touch /var/lib/gordon/end")
		if end := m.waitLines("/var/lib/gordon/said", 2)[1]; end != "end" {
			t.Errorf("the task went on with %q", end)
		}
		m.waitVersion("gordon")
		m.waitActive()
		wantEmpty(m, "long")
	})
}
