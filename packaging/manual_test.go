package packaging

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	flagInHelp = `(?m)^ +(?:-\w, )?--([a-z-]+)`
	flagInPage = `Fl Fl ([a-z-]+)`
)

// The page has every command and every flag that the program has, and no other.
func TestManualHasFlagsAndCommands(t *testing.T) {
	gordon, page := build(t), read(t, "man/gordon.8")
	help := run(t, gordon, "--help")
	_, list, _ := strings.Cut(help, "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	commands := append(find(t, `(?m)^  ([a-z]+) `, list), "completion") // it is hidden
	slices.Sort(commands)
	if diff := cmp.Diff(commands, find(t, `(?m)^\.It Cm ([a-z]+)`, section(t, page, "COMMANDS"))); diff != "" {
		t.Errorf("commands: -program +page\n%s", diff)
	}
	if diff := cmp.Diff(find(t, flagInHelp, help), find(t, flagInPage, section(t, page, "OPTIONS"))); diff != "" {
		t.Errorf("flags: -program +page\n%s", diff)
	}
	for _, short := range find(t, `(?m)^ +-(\w), --`, help) {
		if !strings.Contains(section(t, page, "OPTIONS"), ".It Fl "+short+" ") {
			t.Errorf("the page has no -%s", short)
		}
	}
	inPage := find(t, flagInPage, section(t, page, "COMMANDS"))
	var inProgram []string
	for _, command := range commands {
		if command != "completion" { // its flags are about each shell's script
			inProgram = append(inProgram, find(t, flagInHelp, run(t, gordon, command, "--help"))...)
		}
	}
	inProgram = slices.DeleteFunc(inProgram, func(flag string) bool { return flag == "help" })
	slices.Sort(inProgram)
	if diff := cmp.Diff(slices.Compact(inProgram), inPage); diff != "" {
		t.Errorf("flags of commands: -program +page\n%s", diff)
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// The page lists every exit code that the program has a name for, and no other.
func TestManualHasExitCodes(t *testing.T) {
	codes := find(t, `(?m)^\texit[A-Z]\w+\s+= (\d+)$`, read(t, "cmd/gordon/exit.go"))
	page := find(t, `(?m)^\.It (\d+)$`, section(t, read(t, "man/gordon.8"), "EXIT STATUS"))
	if diff := cmp.Diff(codes, page); diff != "" {
		t.Errorf("-program +page\n%s", diff)
	}
}

func TestManualHasSignals(t *testing.T) {
	page := section(t, read(t, "man/gordon.8"), "SIGNALS")
	for _, signal := range find(t, `syscall\.(SIG[A-Z0-9]+)`, read(t, "pkg/daemon/signals.go")) {
		if !regexp.MustCompile(`(?m)^\.It Dv .*\b` + signal + `\b`).MatchString(page) {
			t.Errorf("the page has no %s", signal)
		}
	}
}

// The page lists every environment variable that any package reads or sets.
func TestManualHasEnvironment(t *testing.T) {
	page := section(t, read(t, "man/gordon.8"), "ENVIRONMENT")
	packages, err := filepath.Glob("../pkg/*")
	if err != nil || len(packages) == 0 {
		t.Fatalf("there are no packages: %v", err)
	}
	sources := sourcesOf(t, "cmd/gordon")
	for _, dir := range packages {
		sources += sourcesOf(t, filepath.Join("pkg", filepath.Base(dir)))
	}
	names := append(find(t, `[gG]etenv\("([A-Z_]+)"\)`, sources), find(t, `"(GORDON_[A-Z_]+)=`, sources)...)
	for _, name := range names {
		if !strings.Contains(page, name) {
			t.Errorf("the page has no %s", name)
		}
	}
}

// Every field of the journal and every metric is on the page.
func TestManualHasFieldsAndMetrics(t *testing.T) {
	page := read(t, "man/gordon.8")
	journal := section(t, page, "JOURNAL")
	for _, field := range find(t, `// (GORDON_[A-Z_]+)`, read(t, "pkg/output/keys.go")) {
		if !strings.Contains(journal, field) {
			t.Errorf("the page has no %s", field)
		}
	}
	statistics := section(t, page, "STATISTICS")
	for _, metric := range find(t, `json:"(\w+)[",]`, read(t, "pkg/stats/counters.go")+read(t, "pkg/stats/tally.go")) {
		if !regexp.MustCompile(`\.(It|Pq)? ?Cm .*\b` + metric + `\b`).MatchString(statistics) {
			t.Errorf("the page has no metric %s", metric)
		}
	}
	if diff := cmp.Diff(messageIDs(t), find(t, `(?m)^\.It ([0-9a-f]{32}) `, journal)); diff != "" {
		t.Errorf("message ids: -program +page\n%s", diff)
	}
}
