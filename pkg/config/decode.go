package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// decoder lays the documents over each other, checking each value by itself.
type decoder struct {
	settings *settings
	faults   Faults
	notices  []string
	idle     []string // keys of 1.x that do nothing, as they are named in the notice
}

// item is one key with its value while it is looked at.
type item struct {
	value any
	path  toml.Key
	lines *node
	file  string
}

func (it item) origin() origin {
	return origin{file: it.file, line: it.lines.line, key: visible(it.path.String())}
}

func (it item) child(name string, v any, lines *node) item {
	return item{value: v, path: append(slices.Clone(it.path), name), lines: lines, file: it.file}
}

// document adds one file to the settings.
func (d *decoder) document(doc document) {
	root := item{value: doc.tree, lines: doc.lines, file: doc.file}
	putTable(d, topKeys(), d.settings, root)
}

func (d *decoder) fault(at origin, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: at.file, Line: at.line, Key: at.key, Message: fmt.Sprintf(format, args...)})
}

// notice says a sentence about a value, at its place. Many tasks may inherit one
// value, so that the same sentence can come up again: it is said once.
func (d *decoder) notice(at origin, format string, args ...any) {
	text := Fault{File: at.file, Line: at.line, Key: at.key, Message: fmt.Sprintf(format, args...)}.Error()
	if !slices.Contains(d.notices, text) {
		d.notices = append(d.notices, text)
	}
}

// assign stores a value of the present file over one of an earlier file.
func assign[T any](d *decoder, field *value[T], v T, wrong string, it item) {
	at := it.origin()
	if field.set && field.at.file == at.file {
		// TOML refuses a key that is given twice; this one differs in case.
		d.fault(at, "is given twice: as %s on line %d too", field.at.key, field.at.line)
		return
	}
	*field = value[T]{v: v, at: at, set: true, bad: wrong != ""}
	if wrong != "" {
		d.fault(at, "%s", wrong)
	}
}

// putTable hands each key of a table to the one of the schema. Names match in any
// case, as they did in 1.x.
func putTable[S any](d *decoder, keys []key[S], s *S, it item) {
	table, ok := it.value.(map[string]any)
	if !ok {
		d.fault(it.origin(), "must be a table, not %s", describe(it.value))
		return
	}
	for _, name := range byLine(table, it.lines) {
		child := it.child(name, table[name], it.lines.child(name))
		i := slices.IndexFunc(keys, func(k key[S]) bool { return strings.EqualFold(k.name, name) })
		if i < 0 {
			d.fault(child.origin(), "%s", unknown(child, names(keys)))
			continue
		}
		keys[i].put(d, s, child)
	}
}

// byLine lists a table's keys in the order of the file, which Go's map forgets.
func byLine(table map[string]any, lines *node) []string {
	list := make([]string, 0, len(table))
	for name := range table {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(lines.child(a).line, lines.child(b).line), cmp.Compare(a, b))
	})
	return list
}

func putNewRelic(d *decoder, _ *statsSettings, it item) {
	d.idle = append(d.idle, newRelicTable)
	putTable(d, newRelicKeys(), &struct{}{}, it)
}

// putTasks takes [tasks.NAME] tables, and the [[tasks]] list of 1.4, where the
// key type named the type.
func putTasks(d *decoder, s *settings, it item) {
	switch v := it.value.(type) {
	case map[string]any:
		for _, name := range byLine(v, it.lines) {
			putTask(d, s, name, it.child(name, v[name], it.lines.child(name)))
		}
	case []map[string]any:
		for i, el := range v {
			putListed(d, s, it, i, el)
		}
	case []any:
		for i, el := range v {
			putListed(d, s, it, i, el)
		}
	default:
		d.fault(it.origin(), "must be tables, one per type: [tasks.NAME], not %s", describe(v))
	}
}

func putTask(d *decoder, s *settings, name string, it item) {
	if _, ok := it.value.(map[string]any); !ok {
		d.fault(it.origin(), "must stand in a table of a type: [tasks.NAME]")
		return
	}
	putTable(d, taskKeys(), s.task(name, it.origin()), it)
}

// putEnvironment takes the variables of a task one by one, so that a later file
// can replace a single one. Names of variables, unlike keys, differ by case.
func putEnvironment(d *decoder, t *taskSettings, it item) {
	table, ok := it.value.(map[string]any)
	if !ok {
		d.fault(it.origin(), "must be a table of strings, such as { NAME = \"value\" }, not %s", describe(it.value))
		return
	}
	if t.environment == nil {
		t.environment = make(map[string]*value[string])
	}
	for _, name := range byLine(table, it.lines) {
		child := it.child(name, table[name], it.lines.child(name))
		if wrong := checkVariable(name); wrong != "" {
			d.fault(child.origin(), "%s", wrong)
			continue
		}
		if t.environment[name] == nil {
			t.environment[name] = new(value[string])
		}
		v, wrong := text(table[name])
		assign(d, t.environment[name], v, wrong, child)
	}
}

// putListed takes element i of a [[tasks]] list.
func putListed(d *decoder, s *settings, list item, i int, el any) {
	lines := list.lines.item(i)
	it := item{value: el, path: list.path, lines: lines, file: list.file}
	table, ok := el.(map[string]any)
	if !ok {
		d.fault(it.origin(), "must be a list of tables, not of %s", describe(el))
		return
	}
	for _, name := range byLine(table, lines) {
		if !strings.EqualFold(name, "type") {
			continue
		}
		typ, wrong := nonEmpty(table[name])
		if wrong != "" {
			d.fault(it.child(name, nil, lines.child(name)).origin(), "%s", wrong)
			return
		}
		putTask(d, s, typ, it.child(typ, el, lines))
		return
	}
	d.fault(it.origin(), "type is missing: each [[tasks]] names its type")
}
