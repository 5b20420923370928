//go:build e2e

package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The scores that systemd-analyze may give at most. Lower is safer.
const (
	maxDefaultScore = 8.8
	maxStrictScore  = 1.4
)

// The units are correct for this systemd, and as safe as they claim.
func TestUnits(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("tool", `sudo --non-interactive id -un >>/var/lib/gordon/said 2>&1`)
		m.install(*dist)
		wantVerified(m, "gordon.service gordon@shop.service")

		// First tier: a script may use sudo.
		m.write("/etc/sudoers.d/gordon", "gordon ALL=(root) NOPASSWD: ALL\n", 0o440)
		m.tasks([]string{"tool"})
		m.run("systemctl reload gordon")
		m.push("tool")
		if said := m.waitLines("/var/lib/gordon/said", 1)[0]; said != "root" {
			t.Errorf("sudo in a script said %q", said)
		}
		wantScore(m, "by default", maxDefaultScore)

		// Second tier: as the file itself says.
		m.run(`mkdir -p /etc/systemd/system/gordon.service.d
ln -s /usr/share/gordon/strict.conf /etc/systemd/system/gordon.service.d/10-strict.conf
systemctl daemon-reload && systemctl restart gordon`)
		wantVerified(m, "gordon.service")
		m.push("tool")
		wantIn(t, m.waitLines("/var/lib/gordon/said", 2)[1], "sudo")
		m.run("systemctl reload gordon")
		wantScore(m, "strict", maxStrictScore)
	})
}

// tooNew matches the warning about the one directive that systemd 252 does not know.
var tooNew = regexp.MustCompile(`(?m)^/usr/lib/systemd/system/gordon@?\.service:\d+: Unknown key (name )?'DelegateSubgroup' in section .*, ignoring\.\n`)

// wantVerified fails unless systemd understands all of the units.
func wantVerified(m *machine, units string) {
	m.t.Helper()
	said := m.run("systemd-analyze verify --man=no %s 2>&1 | sed 's:^/lib:/usr/lib:'", units) + "\n"
	if m.suite == "bookworm" {
		said = tooNew.ReplaceAllString(said, "")
	}
	if said = strings.TrimSpace(said); said != "" {
		m.t.Errorf("systemd-analyze verify %s says\n%s", units, said)
	}
}

var exposure = regexp.MustCompile(`Overall exposure level for gordon\.service: ([0-9.]+)`)

func wantScore(m *machine, tier string, limit float64) {
	m.t.Helper()
	found := exposure.FindStringSubmatch(m.run("systemd-analyze security --no-pager gordon.service"))
	if found == nil {
		m.t.Fatal("systemd-analyze security gives no score")
	}
	score, err := strconv.ParseFloat(found[1], 64)
	must(m.t, err)
	if score > limit {
		m.t.Errorf("the score is %.1f %s, want %.1f at most", score, tier, limit)
	}
	m.t.Logf("systemd-analyze security, %s: %.1f (%s)", tier, score, m.suite)
}

// Other programs can read what is there for them.
func TestFilesForOthers(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.install(*dist)
		m.run("bash -n /usr/share/bash-completion/completions/gordon")
		m.run("logrotate --debug /etc/logrotate.d/gordon")
		// As needrestart itself reads it.
		m.write("/root/decide", `our %nrconf;
eval do { local (@ARGV, $/) = "/etc/needrestart/conf.d/gordon.conf"; <> };
die $@ if $@;
for my $unit ('gordon.service', 'gordon@shop.service', 'flash-gordon.service') {
	my @rules = grep { $unit =~ /$_/ } keys %{$nrconf{override_rc}};
	print "$unit: ", @rules ? $nrconf{override_rc}->{$rules[0]} : "as usual", "\n";
}
`, 0o644)
		if got, want := m.run("perl -w /root/decide"), "gordon.service: 0\ngordon@shop.service: 0\nflash-gordon.service: as usual"; got != want {
			t.Errorf("needrestart would decide\n%s\nwant\n%s", got, want)
		}
	})
}

// Two daemons with configurations of their own run side by side.
func TestInstance(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo "$GORDON_TASK_TYPE" >>/var/lib/gordon/said`)
		m.install(*dist)
		m.write("/etc/gordon/shop.toml", "queue_key = \"shop\"\n[tasks.hello]\nscript = \"/usr/local/bin/hello\"\n", 0o644)
		m.run("systemctl enable --now gordon@shop")
		m.run("redis-cli RPUSH shop:hello '{}'")
		m.waitLines("/var/lib/gordon/said", 1)
		m.run("systemctl reload gordon@shop")
		m.write("/etc/gordon/shop.toml", "quue_key = \"shop\"\n", 0o644)
		m.refuse(1, "systemctl reload gordon@shop")
		wantIn(t, m.said("--unit gordon@shop --output=cat"), "/etc/gordon/shop.toml:1", "quue_key")
		m.run("systemctl is-active gordon gordon@shop")
	})
}

// The log goes to a file, which logrotate takes away.
func TestLogrotate(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("broken", `exit 3`)
		m.install(*dist)
		m.write("/etc/gordon.d/10-log.toml", "logfile = \"/var/log/gordon/gordon.log\"\n", 0o644)
		m.tasks([]string{"broken"})
		m.run("systemctl reload gordon")
		m.push("broken")
		m.waitLines("/var/log/gordon/gordon.log", 1)
		m.run("logrotate --force /etc/logrotate.d/gordon 2>&1")
		m.push("broken")
		m.eventually("the failure is in the new log", func() error {
			if log := strings.Join(m.lines("/var/log/gordon/gordon.log"), "\n"); !strings.Contains(log, "task failed") {
				return notYet("it holds %q", log)
			}
			return nil
		})
		if got := m.run("stat -c '%%U:%%G %%a' /var/log/gordon/gordon.log /var/log/gordon/gordon.log.1"); got != "gordon:gordon 640\ngordon:gordon 640" {
			t.Errorf("owners and modes of the logs are\n%s", got)
		}
	})
}

// What stands under EXAMPLES in the manual works when it is pasted.
func TestManualExamples(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.install(*dist)
		for _, page := range []string{"gordon-queue.7", "gordon.8"} {
			examples := manualExamples(t, "../man/"+page)
			for _, example := range examples {
				m.run("set -e\n%s", example)
			}
			t.Logf("%s: %d examples work", page, len(examples))
		}
		m.waitLines("/var/lib/gordon/greetings", 1)
		m.run("systemctl is-active gordon gordon@shop")
	})
}

// manualExamples returns the literal blocks of a page's EXAMPLES that are for a
// shell.
func manualExamples(t *testing.T, page string) (examples []string) {
	t.Helper()
	_, text, found := strings.Cut(onHost(t, "cat", page), "\n.Sh EXAMPLES\n")
	text, _, _ = strings.Cut(text, "\n.Sh ")
	blocks := strings.Split(text, ".Bd -literal -offset indent\n")
	if !found || len(blocks) < 3 {
		t.Fatalf("%s has no examples", page)
	}
	for _, block := range blocks[1:] {
		block, _, _ = strings.Cut(block, ".Ed")
		block = strings.NewReplacer(`\e`, `\`, `\(dq`, `"`, `\&`, "").Replace(block)
		if !strings.HasPrefix(block, "$redis->") { // PHP
			examples = append(examples, block)
		}
	}
	return examples
}
