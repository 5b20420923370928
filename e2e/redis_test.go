//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Gordon is installed, and booted, on a machine that has no Redis yet.
func TestRedisArrivesLater(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		m.script("hello", `echo hello >>/var/lib/gordon/said`)
		deb := m.bring(packageFile(t, *dist, "gordon_*_amd64.deb"))
		// Longer than apt can take: it would find out that the start has failed.
		m.write("/etc/gordon.d/10-start.toml", "start_timeout = \"1h\"\n", 0o644)
		m.run("apt-get install --yes --no-install-recommends %s", deb)
		if state := m.property("SubState"); state != "start" {
			t.Errorf("when apt is through, the unit's state is %q, want a start that goes on", state)
		}
		m.run("rm /etc/gordon.d/10-start.toml")
		m.tasks([]string{"hello"})
		m.reboot() // nor is there one at boot
		waitForRedisMissing(m)
		m.eventually("gordon was started again after exit status 69", func() error {
			if m.property("NRestarts") == "0" {
				return notYet("no restart")
			}
			return nil
		})
		wantIn(t, m.said("--unit gordon"), "redis was not available within start_timeout (10s)", "connection refused", "status=69")
		t.Logf("without Redis: %s restarts, %s", m.property("NRestarts"), m.property("StatusText"))

		server := "redis-server"
		if m.suite == "trixie" { // Debian 12 has none
			server = "valkey-server"
		}
		m.run("apt-get install --yes %s redis-tools", server)
		m.push("hello")
		m.waitLines("/var/lib/gordon/said", 1)
		m.waitActive()
		t.Logf("with %s: %s", server, m.property("StatusText"))
	})
}

func waitForRedisMissing(m *machine) {
	m.t.Helper()
	m.eventually("the status names what is missing", func() error {
		if status := m.property("StatusText"); !strings.Contains(status, "waiting for redis at 127.0.0.1:6379") {
			return notYet("it says %q", status)
		}
		return nil
	})
}

// The stories of faults (internal/faulttest) with Valkey, which Debian 12 does not
// have, and with the gordon of the package.
func TestFaultsOfValkey(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "trixie")
	m.boot()
	m.install(*dist)
	m.run("apt-get install --yes valkey-server")
	stories := filepath.Join(m.dir, "stories")
	onHost(t, "env", "CGO_ENABLED=0", "go", "test", "-c", "-o", stories, "../internal/faulttest")
	content, err := os.ReadFile(stories)
	must(t, err)
	m.write("/root/stories", string(content), 0o755)
	told := m.run("cd /root && GORDON_TEST_REDIS=valkey-server ./stories -fault.gordon=/usr/bin/gordon -test.v -test.run='^Test(Restarts|Refusals|Connections|SlowAnswers|RedisComesBackWithThePast|PlannedFailover)$'")
	wantIn(t, told, "--- PASS: TestRestarts", "--- PASS: TestRefusals", "--- PASS: TestConnections", "--- PASS: TestPlannedFailover")
	for line := range strings.Lines(told) {
		if _, measured, ok := strings.Cut(line, ": | "); ok {
			t.Log("| " + strings.TrimSpace(measured))
		}
	}
}

// Redis is restarted, and stays away for longer than tasks take.
func TestRedisGoesAndComesBack(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const entries = 12
		m.script("work", `echo "start $1" >>/var/lib/gordon/log; sleep 1; echo "end $1" >>/var/lib/gordon/log`)
		m.install(*dist)
		m.tasks([]string{"work"}, "workers = 3")
		m.run("systemctl restart gordon")
		pid := m.mainPID()
		pushNumbers(m, "work", entries)
		m.waitLines("/var/lib/gordon/log", 4)

		m.run("systemctl stop redis-server")
		m.eventually("gordon says that Redis is away", func() error {
			if status := m.property("StatusText"); !strings.Contains(status, "redis not reachable") {
				return notYet("it says %q", status)
			}
			return nil
		})
		m.eventually("the running tasks ended without Redis", func() error {
			log := strings.Join(m.lines("/var/lib/gordon/log"), "\n")
			if began, ended := strings.Count(log, "start"), strings.Count(log, "end"); began != ended {
				return notYet("%d have begun and %d ended", began, ended)
			}
			return nil
		})
		m.run("systemctl start redis-server")

		wantEachOnce(m, "/var/lib/gordon/log", entries)
		if now := m.mainPID(); now != pid {
			t.Errorf("gordon was pid %d and is pid %d now", pid, now)
		}
		wantEmpty(m, "work")
		records := m.said("--unit gordon --output=cat")
		wantIn(t, records, "reconnected to redis")
		t.Logf("%d entries, each run once; %s", entries, m.property("StatusText"))
	})
}

// The machine is rebooted in the middle of work.
func TestReboot(t *testing.T) {
	onEverySuite(t, func(t *testing.T, m *machine) {
		const entries = 8
		m.script("work", `echo "start $1" >>/var/lib/gordon/log; sleep 1; echo "end $1" >>/var/lib/gordon/log`)
		// At first it takes longer than gordon may wait for it.
		m.script("long", `echo "start $1" >>/var/lib/gordon/long
test "$(wc -l </var/lib/gordon/long)" -gt 1 || sleep 600
echo "end $1" >>/var/lib/gordon/long`)
		m.install(*dist)
		m.write("/etc/gordon.d/10-stop.toml", "shutdown_timeout = \"15s\"\nkill_grace = \"1s\"\n", 0o644)
		m.tasks([]string{"work", "long"}, "workers = 2")
		m.run("systemctl restart gordon")
		m.push("long", "1")
		m.waitLines("/var/lib/gordon/long", 1)
		pushNumbers(m, "work", entries)
		m.waitLines("/var/lib/gordon/log", 2)

		m.reboot()

		wantEachOnce(m, "/var/lib/gordon/log", entries)
		if got := m.waitLines("/var/lib/gordon/long", 3); !slices.Equal(got, []string{"start 1", "start 1", "end 1"}) {
			t.Errorf("the long task left %q, want two starts and one end", got)
		}
		wantEmpty(m, "work", "long")
		wantIn(t, m.said("--boot=-1 --unit gordon --output=cat"), "its entry returns to the head of the queue")
		t.Logf("%d entries, each run once; the one that took too long ran again", entries)
	})
}

// pushNumbers pushes the entries 1 to n in one go.
func pushNumbers(m *machine, taskType string, n int) {
	m.t.Helper()
	m.run(`for i in $(seq %d); do printf 'RPUSH taskqueue:%s {"args":["%%d"]}\n' $i; done | sed 's/{.*}/'"'&'"'/' | redis-cli`, n, taskType)
}

// wantEachOnce waits for the ends of the entries 1 to n in a file, and fails where
// one has run twice.
func wantEachOnce(m *machine, path string, n int) {
	m.t.Helper()
	lines := m.waitLines(path, 2*n)
	slices.Sort(lines)
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("start %d", i+1), fmt.Sprintf("end %d", i+1))
	}
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		m.t.Errorf("the script wrote\n%q\nwant\n%q", lines, want)
	}
}

// wantEmpty waits until Redis holds nothing of the types but what it should: no
// entry that waits, runs or has failed.
func wantEmpty(m *machine, types ...string) {
	m.t.Helper()
	m.eventually("nothing is left in Redis", func() error {
		for _, name := range types {
			if keys := m.run("redis-cli --raw KEYS 'taskqueue:%s*'", name); keys != "" {
				return notYet("there is %q", keys)
			}
		}
		return nil
	})
}
