//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rpm, with rpm's own tools, and installed as far as that goes on a Debian.
func TestRPM(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo "$(id -un)" >>/var/lib/gordon/said`)
		m.run("apt-get install --yes redis-server")
		rpm := m.bring(packageFile(t, *dist, "gordon-*.x86_64.rpm"))
		wantIn(t, m.run("rpm --query --package --qf '%%{NAME} %%{ARCH} %%{LICENSE}\\n' %s", rpm), "gordon x86_64 MIT")
		wantIn(t, m.run("rpm --query --package --qf '[%%{FILEMODES:perms} %%{FILEUSERNAME}:%%{FILEGROUPNAME} %%{FILENAMES}\\n]' %s", rpm),
			"-rwxr-xr-x root:root /usr/bin/gordon\n", "-rw-r----- root:gordon /etc/gordon.toml\n", "drwxr-x--- root:gordon /etc/gordon.d\n",
			"drwxr-x--- gordon:gordon /var/lib/gordon\n", "-rw-r--r-- root:root /usr/lib/systemd/system/gordon.service\n",
			"-rw-r--r-- root:root /usr/share/zsh/site-functions/_gordon\n")
		wantIn(t, m.run("rpm --query --package --configfiles %s", rpm), "/etc/gordon.toml", "/etc/logrotate.d/gordon")
		wantIn(t, m.run("rpm --query --package --docfiles %s", rpm), "/usr/share/man/man8/gordon.8.gz", "/usr/share/doc/gordon/examples/gordon.toml")
		wantIn(t, m.run("rpm --query --package --recommends %s", rpm), "(redis or valkey)")
		wantIn(t, m.run("rpm --query --package --scripts %s", rpm), "preinstall scriptlet", "systemd-update-helper install-system-units gordon.service",
			"systemd-update-helper remove-system-units gordon.service", "systemd-update-helper mark-restart-system-units gordon.service")

		wantIn(t, m.run("rpm --query --package --qf '[%%{REQUIRENAME} %%{REQUIREFLAGS:depflags} %%{REQUIREVERSION} %%{REQUIREFLAGS:deptype}\\n]' %s", rpm),
			"systemd >= 247 pre,post,preun,postun\n", "util-linux   pre,post,preun,postun")
		wantIn(t, m.run("rpm --checksig %s", rpm), "digests OK")

		force := forceRPM(m)
		m.run("rpm --install %s %s", force, m.bring(packageFile(t, *older, "gordon-*.x86_64.rpm")))
		// What triggers of systemd's own package do where rpm is at home.
		m.run("systemd-tmpfiles --create; systemctl daemon-reload")
		m.run("systemctl start gordon && rpm --upgrade %s %s && systemctl daemon-reload && systemctl reload-or-restart --marked", force, rpm)
		m.waitVersion("gordon")
		m.waitActive()
		m.run("rpm --verify --nodeps gordon")
		m.tasks([]string{"hello"})
		m.run("systemctl enable gordon && systemctl reload gordon")
		m.push("hello")
		if got := m.waitLines("/var/lib/gordon/said", 1)[0]; got != "gordon" {
			t.Errorf("the script ran as %q", got)
		}
		m.run(`echo '# edited' >>/etc/gordon.toml; rm /var/lib/gordon/said; rpm --erase %s gordon`, force)
		if state := strings.TrimSpace(m.run("systemctl is-active gordon || true")); state != "inactive" {
			t.Errorf("gordon is %s after its removal", state)
		}
		m.run("test ! -e /usr/bin/gordon -a -e /etc/gordon.toml.rpmsave")
		t.Logf("%s: installed, ran a task as user gordon, removed", filepath.Base(rpm))
	})
}

// forceRPM returns the options that rpm needs on a Debian.
func forceRPM(m *machine) string {
	m.t.Helper()
	if strings.Contains(m.run("rpm --help"), "--force-debian") { // Debian 13's needs none
		return "--nodeps --force-debian"
	}
	return "--nodeps"
}

// Where systemd brings a helper for packages, the scriptlets leave it all to that, as
// systemd's own macros do. Debian's brings none; this one writes down what is asked.
func TestRPMAsksSystemdsHelper(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.write("/usr/lib/systemd/systemd-update-helper", "#!/bin/sh\necho \"$@\" >>/root/asked\n", 0o755)
		force := forceRPM(m)
		m.run("rpm --install %s %s", force, m.bring(packageFile(t, *older, "gordon-*.x86_64.rpm")))
		m.run("rpm --upgrade %s %s", force, m.bring(packageFile(t, *dist, "gordon-*.x86_64.rpm")))
		m.run("rpm --erase %s gordon", force)
		want := []string{
			"install-system-units gordon.service",
			"mark-restart-system-units gordon.service gordon@*.service",
			"remove-system-units gordon.service",
		}
		if asked := m.lines("/root/asked"); !slices.Equal(asked, want) {
			t.Errorf("the scriptlets asked for\n%q\nwant\n%q", asked, want)
		}
	})
}

// The package and its user were removed, and somebody else has the numbers of both by
// now. When it comes back, gordon can read its configuration and write its folders.
func TestRPMTheNumbersOfTheUserAreTaken(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("broken", `echo "$(id -un)" >>/var/lib/gordon/said; exit 3`)
		m.run("apt-get install --yes redis-server")
		force, rpm := forceRPM(m), m.bring(packageFile(t, *dist, "gordon-*.x86_64.rpm"))
		m.run("rpm --install %s %s && systemctl daemon-reload", force, rpm)
		m.tasks([]string{"broken"})
		m.run(`echo 'logfile = "/var/log/gordon/gordon.log"' >/etc/gordon.d/10-log.toml
chgrp gordon /etc/gordon.d/10-log.toml && chmod 640 /etc/gordon.d/10-log.toml && systemctl restart gordon`)
		m.push("broken")
		m.waitLines("/var/log/gordon/gordon.log", 1)
		m.run("rpm --erase %s gordon && userdel gordon", force)
		m.run(`groupadd --gid $(stat -c %%g /var/lib/gordon) shop && useradd --uid $(stat -c %%u /var/lib/gordon) --gid shop shop`)

		m.run("rpm --install %s %s && systemctl daemon-reload && systemctl restart gordon", force, rpm)
		m.push("broken")
		m.waitLines("/var/lib/gordon/said", 2)
		want := "root:gordon\nroot:gordon\nroot:gordon\nroot:gordon\ngordon:gordon\ngordon:gordon"
		if got := m.run("stat -c '%%U:%%G' /etc/gordon.toml /etc/gordon.d /etc/gordon /etc/gordon.d/10-log.toml /var/lib/gordon /var/log/gordon/gordon.log"); got != want {
			t.Errorf("the owners are\n%s\nwant\n%s", got, want)
		}
	})
}
