//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// Gordon is removed and comes back, while Redis is down: apt waits for nothing, and
// what was enabled is started.
func TestRemoveAndInstallAgain(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		script := m.script("hello", `echo hello >>/var/lib/gordon/said`)
		m.install(*dist)
		m.tasks([]string{"hello"})
		m.instance("my-shop", script)
		m.instance("off", script)
		m.run("systemctl restart gordon && systemctl enable --now gordon@my-shop")

		m.run("apt-get remove --yes gordon")
		if units := m.run("systemctl --plain --no-legend list-units 'gordon*'; pgrep -a gordon || true"); units != "" {
			t.Errorf("left after a removal:\n%s", units)
		}
		m.run("test -e /etc/gordon.toml -a -e /etc/gordon.d/tasks.toml -a -e /var/lib/gordon")

		m.run("systemctl stop redis-server")
		began := time.Now()
		apt := m.run("apt-get install --yes /root/gordon_*.deb")
		if strings.Contains(apt, "systemctl") || strings.Contains(apt, "not started") {
			t.Errorf("apt said\n%s", apt)
		}
		t.Logf("it took apt %v without Redis", time.Since(began).Round(time.Second/10))
		states := m.run("systemctl show --property=ActiveState --value gordon gordon@my-shop gordon@off | xargs")
		if states != "activating activating inactive" {
			t.Errorf("apt has left the daemons %s", states)
		}
		m.run("systemctl start redis-server")
		m.waitActive()
		m.push("hello")
		m.run("redis-cli RPUSH my-shop:hello '{}'")
		m.waitLines("/var/lib/gordon/said", 2)
	})
}

// A purge removes what the package brought and what its daemons wrote. It keeps what
// an administrator has put beside it.
func TestPurge(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		script := m.script("hello", `echo hello >>"$(pwd)/said"`)
		m.install(*dist)
		m.tasks([]string{"hello"})
		m.instance("my-shop", script, `logfile = "/var/log/gordon-my-shop/tasks.log"`)
		m.run("printf 'old\\n' >/etc/gordon.toml.dpkg-old; mkdir /etc/gordon/my-shop.d /var/lib/gordon-other && touch /var/lib/gordon-other/file")
		m.write("/etc/gordon/my-shop.d/more.toml", "shutdown_timeout = \"10s\"\n", 0o644)
		m.run("echo '# edited' >>/etc/gordon.toml; systemctl restart gordon && systemctl enable --now gordon@my-shop")
		m.push("hello")
		m.run("redis-cli RPUSH my-shop:hello '{}'")
		m.waitLines("/var/lib/gordon/said", 1)
		m.waitLines("/var/lib/gordon-my-shop/said", 1)

		m.run("apt-get purge --yes gordon")
		left := m.run("find / -xdev -path '*gordon*' -not -path '/root/*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/cache/man/*' -not -path '/usr/local/bin/*' | sort | xargs")
		const theirs = "/etc/gordon /etc/gordon.d /etc/gordon.d/tasks.toml /etc/gordon/my-shop.d /etc/gordon/my-shop.d/more.toml /etc/gordon/my-shop.toml /var/lib/gordon-other /var/lib/gordon-other/file"
		if left != theirs {
			t.Errorf("left after a purge:\n%s\nwant\n%s", left, theirs)
		}
		m.run("getent passwd gordon") // its uid may own files elsewhere
		// What systemd has in memory and finds no file for, it forgets when it likes.
		units := m.run("systemctl --no-legend list-unit-files 'gordon*'; systemctl --all --plain --no-legend --state=loaded,active,failed list-units 'gordon*'")
		if units != "" {
			t.Errorf("units left after a purge:\n%s", units)
		}
	})
}

// removeWithUser removes the package and the user. The configuration is the
// administrator's, with a password that others may not read, and the log has lines.
func removeWithUser(m *machine) {
	m.t.Helper()
	m.script("broken", `echo "$(id -un)" >>/var/lib/gordon/said; exit 3`)
	m.install(*dist)
	m.tasks([]string{"broken"})
	m.run(`echo 'logfile = "/var/log/gordon/gordon.log"' >/etc/gordon.d/10-log.toml
chgrp gordon /etc/gordon.d/10-log.toml && chmod 640 /etc/gordon.d/10-log.toml && systemctl restart gordon`)
	m.push("broken")
	m.waitLines("/var/log/gordon/gordon.log", 1)
	m.run("apt-get remove --yes gordon && userdel gordon")
}

// wantOwned installs the package again and wants all of it in its place.
func wantOwned(m *machine) {
	m.t.Helper()
	m.run("apt-get install --yes /root/gordon_*.deb")
	m.waitActive()
	m.push("broken")
	m.waitLines("/var/lib/gordon/said", 2)
	want := "root:gordon 640\nroot:gordon 750\nroot:gordon 750\nroot:gordon 640\ngordon:gordon 750\ngordon:gordon 640\ngordon:gordon 644"
	got := m.run("stat -c '%%U:%%G %%a' /etc/gordon.toml /etc/gordon.d /etc/gordon /etc/gordon.d/10-log.toml /var/lib/gordon /var/log/gordon/gordon.log /var/lib/gordon/said")
	if got != want {
		m.t.Errorf("the owners and modes are\n%s\nwant\n%s", got, want)
	}
}

// The package was removed, and then its user. When it comes back, gordon can read its
// configuration and write its folders.
func TestTheUserWasRemoved(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		removeWithUser(m)
		before := m.run("stat -c %%u /var/lib/gordon")
		wantOwned(m)
		if uid := m.run("id -u gordon"); uid != before {
			t.Errorf("the folder belonged to %s, and the new user is %s", before, uid)
		}
	})
}

// The same, and somebody else has the numbers of the user and its group by now: the
// configuration is none of their business.
func TestTheNumbersOfTheUserAreTaken(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		removeWithUser(m)
		m.run(`groupadd --gid $(stat -c %%g /var/lib/gordon) shop && useradd --uid $(stat -c %%u /var/lib/gordon) --gid shop shop`)
		if owner := m.run("stat -c %%U:%%G /var/lib/gordon"); owner != "shop:shop" {
			t.Fatalf("the folder belongs to %s", owner)
		}
		wantOwned(m)
	})
}

// An administrator has given the configuration to another group that gordon is in.
// That works, and stays.
func TestReinstallKeepsAGroupThatWorks(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.install(*dist)
		m.run("groupadd ops && usermod --append --groups ops gordon && chgrp ops /etc/gordon.toml /etc/gordon.d && chmod 2770 /etc/gordon.d")
		m.run("apt-get install --yes --reinstall /root/gordon_*.deb && systemctl restart gordon")
		if got := m.run("stat -c '%%U:%%G' /etc/gordon.toml"); got != "root:ops" {
			t.Errorf("gordon.toml belongs to %s", got)
		}
	})
}
