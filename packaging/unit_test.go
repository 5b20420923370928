package packaging

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	).Replace(read(t, "packaging/systemd/gordon.service"))
	if diff := cmp.Diff(directives(want), directives(read(t, "packaging/systemd/gordon@.service"))); diff != "" {
		t.Errorf("-unit +template\n%s", diff)
	}
}

// The unit does not restart what restarting can't mend, by the code in the program.
func TestUnitKnowsTheExitCode(t *testing.T) {
	code := find(t, `exitConfig = (\d+)`, read(t, "cmd/gordon/exit.go"))[0]
	if unit := read(t, "packaging/systemd/gordon.service"); !strings.Contains(unit, "\nRestartPreventExitStatus="+code+"\n") {
		t.Errorf("the unit has no RestartPreventExitStatus=%s", code)
	}
}
