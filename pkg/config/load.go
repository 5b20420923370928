package config

// Load reads the main file at path and its drop-ins, for a binary in binDir,
// which relative paths in the files start from. The error is always [Faults],
// with every fault of every file; errors.Is finds what the system said about a
// file that can't be read, such as fs.ErrNotExist.
//
// The drop-ins of X.toml are the files X.d/*.toml in the order of their names. A
// later file replaces single keys of an earlier one.
func Load(path, binDir string) (*Config, error) {
	files, others, fault := listFiles(path)
	d := &decoder{settings: &settings{tasks: make(map[string]*taskSettings)}}
	whole := fault == nil // nothing of what was written is missing
	if fault != nil {
		d.faults = append(d.faults, *fault)
	}
	for _, file := range files {
		doc, fault := readDocument(file)
		if fault != nil {
			d.faults = append(d.faults, *fault)
			whole = false
			continue
		}
		d.document(doc)
	}
	d.validate(whole)
	if len(d.faults) > 0 {
		d.faults.Sort(files)
		return nil, d.faults
	}
	for _, other := range others[:min(len(others), maxOthers)] {
		d.notices = append(d.notices, other+": is not read: the name of a drop-in ends in .toml")
	}
	c := d.resolve(binDir)
	c.Path, c.Files = path, files
	return c, nil
}

// maxOthers is how many files in the folder of the drop-ins are named that are none.
const maxOthers = 10

// Account is a user or group that a task names.
type Account struct {
	Name  string
	Group bool
	Place Origin
}

// Accounts returns the users and groups that the files name, also where [Load] refuses
// them for something else: whoever lists faults can list those that do not exist.
func Accounts(path string) (list []Account) {
	files, _, _ := listFiles(path)
	d := &decoder{settings: &settings{tasks: make(map[string]*taskSettings)}}
	for _, file := range files {
		if doc, fault := readDocument(file); fault == nil {
			d.document(doc)
		}
	}
	for _, name := range sortedTypes(d.settings.tasks) {
		t := d.settings.tasks[name]
		if t.user.good() {
			list = append(list, Account{Name: t.user.v, Place: t.user.at.exported()})
		}
		if t.group.good() {
			list = append(list, Account{Name: t.group.v, Group: true, Place: t.group.at.exported()})
		}
	}
	return list
}

func readDocument(file string) (document, *Fault) {
	text, fault := readFile(file)
	if fault != nil {
		return document{}, fault
	}
	return parse(file, text)
}
