//go:build e2e

package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The packages to prove. "make e2e" builds both: older has a lower version.
var (
	dist  = flag.String("dist", "../dist", "`folder` with the packages")
	older = flag.String("older", "../dist/older", "`folder` with packages of a lower version")
)

// packageFile returns the one file of a folder that matches.
func packageFile(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%d files match %s/%s, want one: make clean packages", len(found), dir, pattern)
	}
	return found[0]
}

// bring copies a package into the machine's /root, where apt takes it from.
func (m *machine) bring(file string) (inside string) {
	m.t.Helper()
	content, err := os.ReadFile(file)
	must(m.t, err)
	inside = "/root/" + filepath.Base(file)
	m.write(inside, string(content), 0o644)
	return inside
}

// install does what an administrator does first, and returns what apt said. Gordon is
// up then: a daemon that was quicker than Redis has found it, which apt does not wait
// for.
func (m *machine) install(dir string) (apt string) {
	m.t.Helper()
	apt = m.run("cd /root && apt-get install --yes ./%s", filepath.Base(m.bring(packageFile(m.t, dir, "gordon_*_amd64.deb"))))
	m.waitActive()
	return apt
}

// script makes a script for a task; the #! line is added.
func (m *machine) script(name, body string) (path string) {
	m.t.Helper()
	path = "/usr/local/bin/" + name
	m.write(path, "#!/bin/sh\n"+body+"\n", 0o755)
	return path
}

// tasks writes the tasks of these types, with a script of the same name each, as a
// drop-in such as an application brings. Lines are more settings for each.
func (m *machine) tasks(types []string, lines ...string) {
	m.t.Helper()
	var toml strings.Builder
	for _, name := range types {
		fmt.Fprintf(&toml, "[tasks.%s]\nscript = %q\n%s\n", name, "/usr/local/bin/"+name, strings.Join(lines, "\n"))
	}
	m.write("/etc/gordon.d/tasks.toml", toml.String(), 0o644)
}

// push is what a producer does.
func (m *machine) push(taskType string, args ...string) {
	m.t.Helper()
	entry, err := json.Marshal(map[string][]string{"args": args})
	must(m.t, err)
	m.run("redis-cli RPUSH taskqueue:%s '%s'", taskType, entry)
}

// mainPID returns the pid of the daemon, as the machine sees it.
func (m *machine) mainPID() int {
	m.t.Helper()
	pid, err := strconv.Atoi(m.run("systemctl show --property=MainPID --value gordon"))
	must(m.t, err)
	if pid == 0 {
		m.t.Fatal("gordon does not run")
	}
	return pid
}

// property returns one property of gordon.service.
func (m *machine) property(name string) string {
	m.t.Helper()
	return m.run("systemctl show --property=%s --value gordon.service", name)
}

// lines returns the lines of a file inside; none if it does not exist.
func (m *machine) lines(path string) []string {
	m.t.Helper()
	content, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(string(content), "\n"), "\n")
}

// waitLines waits until a file has n lines at least, and returns them.
func (m *machine) waitLines(path string, n int) (lines []string) {
	m.t.Helper()
	m.eventually(fmt.Sprintf("%s has %d lines", path, n), func() error {
		lines = m.lines(path)
		if len(lines) < n || lines[0] == "" {
			return fmt.Errorf("it has %q", lines)
		}
		return nil
	})
	return lines
}

// waitActive waits until gordon is up, as systemd sees it.
func (m *machine) waitActive() {
	m.t.Helper()
	m.eventually("gordon is active", func() error {
		state, _ := m.try("systemctl is-active gordon")
		if strings.TrimSpace(state) != "active" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

// said returns what a journalctl with these arguments prints, with all that was
// logged so far: journald takes a while on a busy machine.
func (m *machine) said(arguments string) string {
	m.t.Helper()
	return m.run("journalctl --sync && journalctl --quiet %s", arguments)
}

// journal returns the records that match, as "journalctl -o json" has them.
func (m *machine) journal(match string) []map[string]any {
	m.t.Helper()
	var records []map[string]any
	for line := range strings.Lines(m.said("--output=json " + match)) {
		var r map[string]any
		must(m.t, json.Unmarshal([]byte(line), &r))
		records = append(records, r)
	}
	return records
}

// wantIn fails unless text holds every part.
func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}
