package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// decoder reads files into one configuration. A later file replaces single keys
// of an earlier one.
type decoder struct {
	binDir   string // absolute; relative paths start from it
	config   *Config
	keys     []key  // of the top, bound to config and defaults
	top      *scope // the keys outside of the tasks
	defaults *draft // the values that each task starts with; its keys are in top
	tasks    map[string]*draft
	listed   []item // the tasks tables of all files; read after all keys of the top

	faults  Faults
	notices []string
	ignored []string // keys of 1.x without effect, as the notice names them
}

func newDecoder(binDir string) *decoder {
	if abs, err := filepath.Abs(binDir); err == nil {
		binDir = abs
	}
	d := &decoder{binDir: binDir, config: new(Config), top: newScope(nil), tasks: make(map[string]*draft)}
	d.defaults = &draft{scope: d.top}
	prefill(taskKeys(d.defaults))
	d.keys = topKeys(d.config, d.defaults)
	prefill(d.keys)
	return d
}

// read reads the files, and reports whether all of them could be read.
func (d *decoder) read(files []string) bool {
	complete := true
	for _, file := range files {
		root, fault := parse(file)
		if fault != nil {
			d.faults = append(d.faults, *fault)
			complete = false
			continue
		}
		d.table(d.keys, item{Value: root, file: file, scope: d.top})
	}
	for _, it := range d.listed {
		d.readTasks(it)
	}
	return complete
}

// item is one value of a file, and the scope that it belongs to.
type item struct {
	tomlfile.Value
	file  string
	scope *scope
	name  string // of the key within the scope, such as redis.tls.enabled
}

func (it item) origin() Origin {
	return Origin{File: it.file, Line: it.Line, Key: it.Key.String()}
}

// in returns another value of the same file.
func (it item) in(s *scope, name string, v tomlfile.Value) item {
	return item{Value: v, file: it.file, scope: s, name: name}
}

// children returns the values of a table. It reports false if it is not a table.
func (it item) children() ([]item, bool) {
	values, ok := it.Table()
	list := make([]item, len(values))
	for i, v := range values {
		list[i] = it.in(it.scope, dotted(it.name, v.Key.Name()), v)
	}
	return list, ok
}

func dotted(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// table reads the values of a table with the keys that it may have.
func (d *decoder) table(keys []key, it item) {
	list, ok := it.children()
	if !ok {
		d.fault(it.origin(), "must be a table, not %s", tomlfile.Describe(it.Raw))
		return
	}
	for _, child := range list {
		k, known := find(keys, child.Key.Name())
		if !known {
			d.fault(child.origin(), "%s", unknown(child.Value, names(keys)))
			continue
		}
		child.name = dotted(it.name, k.name)
		k.read(d, child)
	}
}

// assign sets a field to a value of this file, which replaces that of an earlier
// file. A value with an error is set too: it counts as present.
func assign[T any](d *decoder, field *T, v T, err error, it item) {
	at := it.origin()
	if earlier := it.scope.own[it.name]; earlier.File == at.File && earlier.Line > 0 {
		// TOML forbids a second key of the same name; this one differs in case.
		d.fault(at, "is set twice: also as %s on line %d", earlier.Key, earlier.Line)
		return
	}
	*field = v
	it.scope.own[it.name] = mark{Origin: at, invalid: err != nil}
	if err != nil {
		d.fault(at, "%v", err)
	}
}

func (d *decoder) fault(at Origin, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: at.File, Line: at.Line, Key: at.Key, Message: fmt.Sprintf(format, args...)})
}

// notice adds a notice about a value. Several tasks may inherit the value; the
// notice is added once.
func (d *decoder) notice(at Origin, format string, args ...any) {
	text := Fault{File: at.File, Line: at.Line, Key: at.Key, Message: fmt.Sprintf(format, args...)}.Error()
	if !slices.Contains(d.notices, text) {
		d.notices = append(d.notices, text)
	}
}

// postpone keeps the tasks until the keys at the top of all files are known.
func (d *decoder) postpone(it item) { d.listed = append(d.listed, it) }

// readTasks reads [tasks.NAME] tables, and the [[tasks]] array of 1.4, in which the
// key type has the name.
func (d *decoder) readTasks(it item) {
	if list, ok := it.children(); ok {
		for _, child := range list {
			d.readTask(child.Key.Name(), child)
		}
		return
	}
	list, ok := it.Array()
	if !ok {
		d.fault(it.origin(), "must be tables, one per type: [tasks.NAME], not %s", tomlfile.Describe(it.Raw))
		return
	}
	for _, el := range list {
		d.readElement(it.in(it.scope, "", el))
	}
}

func (d *decoder) readTask(name string, it item) {
	if _, ok := it.Raw.(map[string]any); !ok {
		d.fault(it.origin(), "belongs in the table of a task: [tasks.NAME]")
		return
	}
	t := d.tasks[name]
	if t == nil {
		t = newDraft(name, it.origin(), d.defaults)
		d.tasks[name] = t
	}
	d.table(t.keys, it.in(t.scope, "", it.Value))
}

// readElement reads one element of a [[tasks]] array.
func (d *decoder) readElement(it item) {
	list, ok := it.children()
	if !ok {
		d.fault(it.origin(), "must be a list of tables, not of %s", tomlfile.Describe(it.Raw))
		return
	}
	i := slices.IndexFunc(list, func(child item) bool { return strings.EqualFold(child.Key.Name(), "type") })
	if i < 0 {
		d.fault(it.origin(), "type is missing: each [[tasks]] names its type")
		return
	}
	name, err := nonEmpty(list[i].Raw)
	if err != nil {
		d.fault(list[i].origin(), "%v", err)
		return
	}
	d.readTask(name, it.in(it.scope, "", it.Named(name)))
}

// types returns the names of the tasks, sorted.
func (d *decoder) types() []string { return slices.Sorted(maps.Keys(d.tasks)) }
