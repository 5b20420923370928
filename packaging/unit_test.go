package packaging

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
)

// directives returns the lines of a unit that mean something.
func directives(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// The template is the unit with other paths, and nothing else.
func TestTemplateFollowsTheUnit(t *testing.T) {
	want := strings.NewReplacer(
		"background tasks", "background tasks (%i)",
		"/etc/gordon.toml", "/etc/gordon/%i.toml",
		"/run/gordon/", "/run/gordon-%i/",
		"RuntimeDirectory=gordon", "RuntimeDirectory=gordon-%i",
		"StateDirectory=gordon", "StateDirectory=gordon-%i",
		"LogsDirectory=gordon", "LogsDirectory=gordon-%i",
		"WorkingDirectory=/var/lib/gordon", "WorkingDirectory=/var/lib/gordon-%i",
	).Replace(read(t, "packaging/systemd/gordon.service"))
	if diff := cmp.Diff(directives(want), directives(read(t, "packaging/systemd/gordon@.service"))); diff != "" {
		t.Errorf("-unit +template\n%s", diff)
	}
}

// The group that systemd starts gordon in is the one that gordon moves into.
func TestUnitKnowsTheLeaf(t *testing.T) {
	if unit := read(t, "packaging/systemd/gordon.service"); !strings.Contains(unit, "\nDelegateSubgroup="+cgroup.Leaf+"\n") {
		t.Errorf("the unit has no DelegateSubgroup=%s", cgroup.Leaf)
	}
}

// Each command of gordon in the unit is one that it has. Where no control group is
// delegated, there is nothing to release.
func TestUnitKnowsTheCommands(t *testing.T) {
	commands := find(t, `(?m)^Exec\w+=-?/usr/bin/gordon ([a-z][a-z-]+)`, read(t, "packaging/systemd/gordon.service"))
	if want := []string{"release-groups", "reload"}; !slices.Equal(commands, want) {
		t.Errorf("the unit calls %q, want %q", commands, want)
	}
	gordon := build(t)
	for _, command := range commands {
		if help := run(t, gordon, command, "--help"); !strings.Contains(help, "gordon "+command) {
			t.Errorf("gordon %s --help prints\n%s", command, help)
		}
	}
	if out := run(t, gordon, "release-groups"); out != "" {
		t.Errorf("it prints %q", out)
	}
}

// The unit does not restart what restarting can't mend, by the code in the program.
func TestUnitKnowsTheExitCode(t *testing.T) {
	code := find(t, `exitConfig = (\d+)`, read(t, "cmd/gordon/exit.go"))[0]
	if unit := read(t, "packaging/systemd/gordon.service"); !strings.Contains(unit, "\nRestartPreventExitStatus="+code+"\n") {
		t.Errorf("the unit has no RestartPreventExitStatus=%s", code)
	}
}
