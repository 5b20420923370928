package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manPath = "../../man/gordon.toml.5"

// manItem is one key of the manual with the text below it.
type manItem struct{ key, text string }

// manItems reads the keys of the manual, each below the heading of its table.
func manItems(t *testing.T) []manItem {
	t.Helper()
	tables := map[string]string{
		"THE TOP OF THE FILE": "", "The redis table": "redis.", "The redis.tls table": "redis.tls.",
		"The redis.sentinel table": "redis.sentinel.", "THE STATS TABLE": "stats.", "THE TASKS TABLES": "tasks.*.", "The tables of all runs together": "tasks.*.total.",
		"The top of the file": "", "The stats.newrelic table": "stats.newrelic.", "The tasks tables": "tasks.*.",
	}
	var items []manItem
	table, known := "", false
	for line := range strings.Lines(readText(t, manPath)) {
		line = strings.TrimSuffix(line, "\n")
		macro, rest, _ := strings.Cut(line, " ")
		switch {
		case macro == ".Sh":
			table, known = tables[rest], tables[rest] != "" || rest == "THE TOP OF THE FILE"
		case macro == ".Ss":
			if prefix, ok := tables[rest]; ok {
				table, known = prefix, true
			}
		case strings.HasPrefix(line, ".It Cm "):
			if !known {
				t.Errorf("%q stands below a heading that names no table", line)
			}
			items = append(items, manItem{key: table + strings.Fields(line)[2]})
		case len(items) > 0:
			items[len(items)-1].text += line + " "
		}
	}
	return items
}

func TestMan_HasEveryKeyAndNoOther(t *testing.T) {
	var got []string
	for _, it := range manItems(t) {
		got = append(got, it.key)
	}
	slices.Sort(got)
	if diff := cmp.Diff(allKeys(), got); diff != "" {
		t.Error(diff)
	}
}

func TestMan_HasTheDefaultOfEveryKey(t *testing.T) {
	unquote := strings.NewReplacer(".Qq ", "", ".Li ", "", `\(dq`, "", ".Cm ", "", `"`, "", "  ", " ")
	checked := 0
	for _, it := range manItems(t) {
		want, ok := defaults()[it.key]
		if !ok {
			continue
		}
		checked++
		_, said, _ := strings.Cut(it.text, "Default: ")
		if said, want = unquote.Replace(said), unquote.Replace(want); !strings.HasPrefix(said, want+" ") {
			t.Errorf("%s: the manual says %q, want %q", it.key, said, want)
		}
	}
	if checked != len(defaults()) {
		t.Errorf("%d defaults in the manual, want %d", checked, len(defaults()))
	}
}
