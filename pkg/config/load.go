package config

import (
	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// Load reads the main file at path and its drop-ins, for a binary in binDir, from
// which relative paths in the files start. The error is always [Faults], with every
// fault of every file; errors.Is finds the system's error about a file that cannot
// be read, such as fs.ErrNotExist.
//
// The drop-ins of X.toml are the files X.d/*.toml in the order of their names. A
// later file replaces single keys of an earlier one.
func Load(path, binDir string) (*Config, error) {
	files, others, fault := listFiles(path)
	d := newDecoder(binDir)
	complete := d.read(files)
	if fault != nil {
		d.faults = append(d.faults, *fault)
	}
	d.validate(complete && fault == nil)
	if len(d.faults) > 0 {
		d.faults.Sort(files)
		return nil, d.faults
	}
	for _, other := range others[:min(len(others), maxOthers)] {
		d.notices = append(d.notices, other+": ignored: the name of a drop-in must end in .toml")
	}
	c := d.finish()
	c.Path, c.Files = path, files
	return c, nil
}

// maxOthers limits how many ignored files in the folder of the drop-ins are named.
const maxOthers = 10

// finish returns the configuration of files without a fault.
func (d *decoder) finish() *Config {
	c := d.config
	d.applyV1(c)
	if c.RedisNetwork = d.network(); d.usesSentinels() {
		c.RedisAddress = ""
	}
	c.KillGrace = d.defaults.KillGrace
	c.Tasks = make(map[string]Task, len(d.tasks))
	for _, name := range d.types() {
		t := d.tasks[name]
		t.finishRetry()
		t.Origins = t.scope.origins()
		d.applyV1Task(t)
		c.Tasks[name] = t.Task
		c.Limits = append(c.Limits, t.limits(t.keys, "")...)
	}
	c.Needs = d.needs(d.keys, "")
	if text := ignoredNotice(d.ignored); text != "" {
		d.notices = append(d.notices, text)
	}
	if len(c.Tasks) == 0 {
		d.notices = append(d.notices, "no tasks are configured")
	}
	c.Notices = d.notices
	return c
}

// Account is a user or group that a task names.
type Account struct {
	Name  string
	Group bool
	Place Origin
}

// Accounts returns the users and groups that the files name, even if [Load] refuses
// the files for another reason: so that the caller can report all faults at once.
func Accounts(path string) (list []Account) {
	files, _, _ := listFiles(path)
	d := newDecoder("/")
	d.read(files)
	for _, name := range d.types() {
		t := d.tasks[name]
		if t.scope.valid("user") {
			list = append(list, Account{Name: t.Process.User, Place: t.scope.at("user")})
		}
		if t.scope.valid("group") {
			list = append(list, Account{Name: t.Process.Group, Group: true, Place: t.scope.at("group")})
		}
	}
	return list
}

// parse reads one file. A fault means that nothing of it can be used.
func parse(file string) (tomlfile.Value, *Fault) {
	text, fault := readFile(file)
	if fault != nil {
		return tomlfile.Value{}, fault
	}
	root, err := tomlfile.Parse(text)
	if err != nil {
		return root, &Fault{File: file, Line: err.Line, Message: err.Message}
	}
	return root, nil
}
