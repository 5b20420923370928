package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one error in a configuration file.
type Fault struct {
	File    string // path of the file
	Line    int    // from 1; 0 = the whole file
	Key     string // full key in TOML's notation, such as tasks.mail.workers; may be ""
	Message string // the problem and the allowed values; never ""
	Err     error  // the error of the system; may be nil
}

// Error returns "file:line: key: message". Unknown parts are left out.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Unwrap returns the error of the system, such as fs.ErrNotExist.
func (f Fault) Unwrap() error { return f.Err }

// Origin is the place of a value.
type Origin struct {
	File string
	Line int
	Key  string // full key in TOML's notation
}

// Fault returns a fault at this place. It is for errors that only the machine shows,
// such as a user that does not exist.
func (o Origin) Fault(err error) Fault {
	return Fault{File: o.File, Line: o.Line, Key: o.Key, Message: err.Error(), Err: err}
}

// Faults are all faults, in the order of the files and their lines.
type Faults []Fault

// Error returns one line per fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults one by one for errors.Is and errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// Sort sorts the faults by file, in the order of files, and by line. Faults of one line
// keep their order.
func (fs Faults) Sort(files []string) {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line),
		)
	})
}
