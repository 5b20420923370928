package config

// key is the declaration of one key of a table. It is bound to the field that
// takes the value.
type key struct {
	name    string
	field   any                       // pointer to the field; nil for a table
	prefill func()                    // sets the default
	read    func(d *decoder, it item) // checks a value of a file and sets it
	table   []key                     // the keys of a table

	inherited  bool        // allowed at the top too, as the default of every task
	obsolete   bool        // of 1.x and without effect: accepted, but not suggested
	need       NeedKind    // the kind of file that the value names
	controller string      // the controller of control groups that enforces the limit
	limits     func() bool // reports whether the limit is set
}

// leaf declares a key with one value: its name, the values that it allows, its
// default and its field.
func leaf[T any](name string, k kind[T], def T, field *T) key {
	return key{
		name: name, field: field,
		prefill: func() { *field = def },
		read: func(d *decoder, it item) {
			v, err := k(it.Raw)
			assign(d, field, v, err, it)
		},
	}
}

// file declares a key that names a file. A relative path starts from the folder
// of the binary. An empty one is the same as none, as in 1.6.5's sample. Names for
// which literal reports true are not paths; literal may be nil.
func file(name string, k kind[string], literal func(string) bool, def string, field *string) key {
	p := leaf(name, k, def, field)
	p.read = func(d *decoder, it item) {
		v, err := k(it.Raw)
		if v != "" && (literal == nil || !literal(v)) {
			v = absolute(v, d.binDir)
		}
		assign(d, field, v, err, it)
	}
	return p
}

// limit declares a limit that a controller of control groups enforces. Its default
// is no limit.
func limit[T int | int64 | Bytes](name, controller string, k kind[T], field *T) key {
	l := leaf(name, k, 0, field)
	l.controller, l.limits = controller, func() bool { return *field != 0 }
	return l
}

// table declares a table of keys.
func table(name string, keys []key) key {
	return key{name: name, table: keys, read: func(d *decoder, it item) { d.table(keys, it) }}
}

// ignored declares a key of 1.x that is accepted and has no effect. The notice
// names it.
func ignored(name, notice string) key {
	return key{name: name, obsolete: true, read: func(d *decoder, _ item) { d.ignored = append(d.ignored, notice) }}
}

// needs declares that the value names a file or program of this kind.
func (k key) needs(kind NeedKind) key {
	k.need = kind
	return k
}
