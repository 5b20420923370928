package config

// Load reads the main file at path and its drop-ins, for a binary in binDir,
// which relative paths in the files start from. The error is always [Faults],
// with every fault of every file; errors.Is finds what the system said about a
// file that can't be read, such as fs.ErrNotExist.
//
// The drop-ins of X.toml are the files X.d/*.toml in the order of their names. A
// later file replaces single keys of an earlier one.
func Load(path, binDir string) (*Config, error) {
	files, fault := listFiles(path)
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
	c := d.resolve(binDir)
	c.Path, c.Files = path, files
	return c, nil
}

func readDocument(file string) (document, *Fault) {
	text, fault := readFile(file)
	if fault != nil {
		return document{}, fault
	}
	return parse(file, text)
}
