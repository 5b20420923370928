package packaging

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messageIDs returns those that the program writes to the journal.
func messageIDs(t *testing.T) []string {
	t.Helper()
	return find(t, `Msg\w+\s+= "([0-9a-f]{32})"`, read(t, "pkg/output/keys.go"))
}

// The catalog explains every kind of message, and none that does not exist.
func TestCatalogHasEveryMessage(t *testing.T) {
	catalog := read(t, "packaging/gordon.catalog")
	if diff := cmp.Diff(messageIDs(t), find(t, `(?m)^-- ([0-9a-f]{32})$`, catalog)); diff != "" {
		t.Errorf("-program +catalog\n%s", diff)
	}
	for _, entry := range strings.Split(catalog, "\n-- ")[1:] {
		for _, header := range []string{"Subject: ", "Defined-By: gordon\n", "Support: https://", "Documentation: man:"} {
			if !strings.Contains(entry, "\n"+header) {
				t.Errorf("no %q in %s", header, entry)
			}
		}
	}
}

// journalctl puts "░░ " before each line of the catalog and breaks none: with usual
// values of their fields, all fit a terminal.
func TestCatalogFitsATerminal(t *testing.T) {
	values := strings.NewReplacer("@GORDON_TASK_TYPE@", "thumbnail", "@GORDON_TYPES@", "10", "@GORDON_RUNNING@", "12",
		"@GORDON_SHUTDOWN_TIMEOUT@", "1m30s", "@GORDON_CONFIG@", "/etc/gordon.toml", "@GORDON_ADDRESS@", "127.0.0.1:6379",
		"@GORDON_SCRIPT@", "/usr/local/bin/gordon-error", "@GORDON_RETRY_IN_USEC@", "10000000")
	for line := range strings.Lines(values.Replace(read(t, "packaging/gordon.catalog"))) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 77 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// The catalog shows fields that the manual lists, so that it can't name one that is
// never there.
func TestCatalogShowsKnownFields(t *testing.T) {
	journal := section(t, read(t, "man/gordon.8"), "JOURNAL")
	for _, field := range find(t, `@(\w+)@`, read(t, "packaging/gordon.catalog")) {
		if !strings.Contains(journal, field) {
			t.Errorf("the catalog shows @%s@, which gordon(8) does not list", field)
		}
	}
}
