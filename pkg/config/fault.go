package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong in a configuration file.
type Fault struct {
	File    string // path of the file
	Line    int    // from 1; 0 where no line is to blame
	Key     string // full key in TOML's notation, such as tasks.mail.workers; may be ""
	Message string // what is wrong and what is allowed; never ""
	Err     error  // what the system said, where it did; may be nil
}

// Error returns "file:line: key: message" without the parts that are unknown.
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

// Unwrap returns the system's error, so that errors.Is(err, fs.ErrNotExist) tells
// a missing file.
func (f Fault) Unwrap() error { return f.Err }

// Origin is where a value was written.
type Origin struct {
	File string
	Line int
	Key  string // full key in TOML's notation
}

// Fault makes a fault of what is written there. It is for what only shows on the
// machine, such as a user that does not exist.
func (o Origin) Fault(err error) Fault {
	return Fault{File: o.File, Line: o.Line, Key: o.Key, Message: err.Error(), Err: err}
}

// Faults is everything that is wrong, in the order of the files and their lines.
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

// Sort orders the faults by file as in files, then by line; the order within a
// line is kept.
func (fs Faults) Sort(files []string) {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line),
		)
	})
}
