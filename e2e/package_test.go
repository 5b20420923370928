//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// Gordon is upgraded in the middle of work, with a configuration that the
// administrator has edited.
func TestUpgradeLosesNothing(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const entries = 6
		m.script("work", `echo "start $1" >>/var/lib/gordon/log; sleep 3; echo "end $1" >>/var/lib/gordon/log`)
		m.install(*older)
		m.run(`printf '\n# edited by hand\n[tasks.work]\nscript = "/usr/local/bin/work"\nworkers = 2\n' >>/etc/gordon.toml; chmod 644 /etc/gordon.toml`)
		m.run("install -m 640 -g gordon /etc/gordon.toml /etc/gordon/my-shop.toml && sed -i '1i queue_key = \"shop\"' /etc/gordon/my-shop.toml")
		m.run("systemctl restart gordon && systemctl enable --now gordon@my-shop")
		before := m.run("gordon --version; md5sum /etc/gordon.toml; stat -c '%%U:%%G %%a' /etc/gordon.toml")
		pushNumbers(m, "work", entries)
		m.waitLines("/var/lib/gordon/log", 2)

		m.install(*dist) // standard input is empty: a question would be an error

		if n := len(m.lines("/var/lib/gordon/log")); n%2 != 0 && n < 2*entries {
			t.Logf("the new daemon works already (%d lines)", n)
		}
		wantEachOnce(m, "/var/lib/gordon/log", entries)
		wantEmpty(m, "work")
		after := m.run("gordon --version; md5sum /etc/gordon.toml; stat -c '%%U:%%G %%a' /etc/gordon.toml")
		was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
		if was[0] == is[0] || !slices.Equal(was[1:], is[1:]) {
			t.Errorf("before the upgrade\n%s\nafter it\n%s", before, after)
		}
		wantIn(t, is[2], "root:gordon 644") // as the administrator has set it
		m.waitVersion("gordon", "gordon@my-shop")
		t.Logf("from %s to %s: %d entries, each run once; configuration kept", was[0], is[0], entries)
	})
}

// An upgrade meets a configuration that the new version refuses.
func TestUpgradeKeepsTheDaemonThatWorks(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo hello >>/var/lib/gordon/said`)
		m.install(*older)
		m.tasks([]string{"hello"})
		m.run("systemctl restart gordon")
		pid := m.mainPID()
		m.tasks([]string{"hello"}, "wokers = 4")
		apt := m.install(*dist)
		wantIn(t, apt, "gordon: gordon.service is not started or restarted", "/etc/gordon.d/tasks.toml:3", "wokers")
		if now := m.mainPID(); now != pid {
			t.Errorf("gordon was pid %d and is pid %d now", pid, now)
		}
		m.push("hello")
		m.waitLines("/var/lib/gordon/said", 1)
		t.Log("the daemon of before goes on; apt named the fault")
	})
}

// An earlier package had another /etc/gordon.toml. Nobody has edited it, so the upgrade
// replaces it, asks nothing and leaves no copy. The first task of the new one works.
func TestUpgradeReplacesAnUneditedConfiguration(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		deb := m.bring(packageFile(t, *older, "gordon_*_amd64.deb"))
		m.run("dpkg-deb --raw-extract %s /root/earlier && echo '# of an earlier package' >>/root/earlier/etc/gordon.toml", deb)
		m.run("dpkg-deb --build /root/earlier /root/earlier.deb && apt-get install --yes /root/earlier.deb")
		m.run("grep -q 'of an earlier package' /etc/gordon.toml")

		m.install(*dist)

		m.run("! grep -q 'of an earlier package' /etc/gordon.toml")
		if got := m.run("find /etc -name 'gordon.toml*'; stat -c '%%U:%%G %%a' /etc/gordon.toml"); got != "/etc/gordon.toml\nroot:gordon 640" {
			t.Errorf("after the upgrade there are\n%s", got)
		}
		wantIn(t, m.run("gordon check /usr/share/doc/gordon/examples/gordon.toml 2>&1"), "Configuration is valid")
		m.run(`sed -i -e 's/^#\(\[tasks\.hello\]\)$/\1/' -e 's|^#\(script = "/usr/bin/touch"\)$|\1|' /etc/gordon.toml`)
		m.run("systemctl reload-or-restart gordon")
		m.push("hello", "it-works")
		m.eventually("the first task runs", func() error {
			_, err := m.try("test -e /var/lib/gordon/it-works")
			return err
		})
	})
}

// Neither package is installed beside a systemd that its unit is not for.
func TestDebNeedsARecentSystemd(t *testing.T) {
	t.Parallel()
	file := packageFile(t, *dist, "gordon_*_amd64.deb")
	wantIn(t, onHost(t, "dpkg-deb", "--field", file, "Depends"), "systemd (>= 247) | ")
	wantIn(t, onHost(t, "dpkg-deb", "--field", file, "Breaks"), "systemd (<< 247)")
}

// What the administrator has forbidden before stays forbidden.
func TestInstallRespectsPolicy(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		deb := m.bring(packageFile(t, *dist, "gordon_*_amd64.deb"))
		purge := "apt-get purge --yes gordon; systemctl reset-failed"
		install := "apt-get install --yes " + deb
		state := "systemctl is-enabled gordon.service || true; systemctl is-active gordon.service || true"
		expect := func(policy, want string) {
			t.Helper()
			if got := m.run("%s", state); got != want {
				t.Errorf("with %s gordon is %q, want %q", policy, got, want)
			}
		}

		m.run("ln -s /dev/null /etc/systemd/system/gordon.service && %s", install)
		expect("a masked unit", "masked\ninactive")
		m.run("rm /etc/systemd/system/gordon.service; %s", purge)

		m.write("/etc/systemd/system-preset/10-no.preset", "disable gordon.service\n", 0o644)
		m.run("%s", install)
		expect("a preset that disables it", "disabled\ninactive")
		m.run("rm /etc/systemd/system-preset/10-no.preset; %s", purge)

		m.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
		m.run("%s", install)
		expect("policy-rc.d", "enabled\ninactive")
		m.run("rm /usr/sbin/policy-rc.d")

		m.run("systemctl disable gordon && apt-get install --yes --reinstall %s", deb)
		expect("a unit that was disabled before a reinstallation", "disabled\ninactive")

		m.run("%s; %s", purge, install)
		m.waitActive()
		expect("nothing against it", "enabled\nactive")
	})
}

// A system is put together in a folder, where no systemd runs.
func TestInstallInChroot(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, suite)
			deb := m.bring(packageFile(t, *dist, "gordon_*_amd64.deb"))
			onHost(t, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
				"chroot", m.root, "apt-get", "install", "--yes", "--no-install-recommends", deb)
			wantIn(t, onHost(t, "chroot", m.root, "stat", "-c", "%U:%G %a %n", "/etc/gordon.toml", "/etc/gordon.d"),
				"root:gordon 640 /etc/gordon.toml", "root:gordon 750 /etc/gordon.d")
			m.boot()
			wantIn(t, m.property("UnitFileState"), "enabled")
			waitForRedisMissing(m)
			m.run("apt-get install --yes redis-server")
			m.waitActive()
		})
	}
}
