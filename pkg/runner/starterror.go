package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// StartError says why a process could not be started.
type StartError struct {
	Path string // of the script
	// Doing is what failed, such as "become user www-data"; "" where it was the
	// execution of the script itself.
	Doing string
	Err   error  // the cause; wraps an error number
	Hint  string // what the bare cause leaves out; may be empty

	passes bool // the cause may pass, although its error number need not be such
}

// Error returns the words that Gordon 1 used, "fork/exec PATH: cause", or
// "cannot DOING: cause", and the hint in parentheses.
func (e *StartError) Error() string {
	text := "fork/exec " + e.Path + ": " + e.Err.Error()
	if e.Doing != "" {
		text = "cannot " + e.Doing + ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// Transient reports whether a start, or a look at processes, may succeed later. It
// failed for want of processes, memory or descriptors, or because the script is
// being written: somebody has it open for that (ETXTBSY), or it is still empty. A
// file that was closed with something in it counts as complete.
func Transient(err error) bool {
	for _, no := range []error{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE, unix.ETXTBSY} {
		if errors.Is(err, no) {
			return true
		}
	}
	var e *StartError
	return errors.As(err, &e) && e.passes
}

func newStartError(spec Spec, err error) *StartError {
	var e *StartError
	if errors.As(err, &e) { // it did not come to the script
		e.Path = spec.Path
		return e
	}
	e = &StartError{Path: spec.Path, Err: err}
	switch {
	case errors.Is(err, unix.E2BIG):
		e.Hint = taskenv.ExplainTooBig(spec.Path, spec.Args, spec.Env)
	case errors.Is(err, unix.ENOENT):
		e.Hint = spec.hint(explainMissing)
	case errors.Is(err, unix.EACCES):
		e.Hint = spec.hint(explainDenied)
		if u := spec.User; u != nil {
			e.Hint = strings.TrimSuffix("as "+u.String()+"; "+e.Hint, "; ")
		}
	case errors.Is(err, unix.ENOEXEC):
		e.Hint = spec.hint(explainFormat)
		e.passes = e.Hint == hintEmpty
	case errors.Is(err, unix.ETXTBSY):
		e.Hint = "the file is still open for writing"
	}
	return e
}

// hint has the program's file looked at with the rights of the user, within bounds:
// it may be a link to what is not the user's, and its file system may hang.
func (s Spec) hint(explain func(path string) string) (hint string) {
	_ = s.look(func(ready func() bool) error {
		return s.User.files(func() error {
			text := explain(s.Path)
			if ready() {
				hint = text
			}
			return nil
		})
	})
	return hint
}

// explainMissing is for "no such file or directory" about a file that is
// there: what is missing is its interpreter.
func explainMissing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	interpreter, ok := shebang(path)
	switch {
	case !ok:
		return "the file is there, but the program loader that it asks for is not"
	case strings.HasSuffix(interpreter, "\r"):
		return "the first line ends with a carriage return: convert the script to Unix line endings"
	}
	return fmt.Sprintf("the script is there, but its interpreter %q is not", interpreter)
}

func explainDenied(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil: // a folder above it is closed to us: the bare text fits
		return ""
	case info.IsDir():
		return "it is a directory"
	case !info.Mode().IsRegular():
		return "it is not a regular file"
	case info.Mode().Perm()&0o111 == 0:
		return "it is not executable: chmod +x"
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		return "its file system is mounted noexec"
	}
	if interpreter, ok := shebang(path); ok {
		return fmt.Sprintf("its interpreter is %q: is that one executable?", interpreter)
	}
	return ""
}

// hintEmpty is for a file that is about to be written: nobody means an empty script.
const hintEmpty = "the file is empty"

func explainFormat(path string) string {
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return hintEmpty
	}
	if head, err := readHead(path); err == nil && bytes.HasPrefix(head, []byte(elfMagic)) {
		return "the program is for another kind of machine, or damaged"
	}
	return `a script must begin with a line such as "#!/bin/sh"`
}

// shebang returns the interpreter that the script's first line names.
func shebang(path string) (interpreter string, ok bool) {
	head, err := readHead(path)
	if err != nil {
		return "", false
	}
	return interpreterOf(head)
}

// readHead returns as much of the file's beginning as the kernel looks at.
func readHead(path string) ([]byte, error) {
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headSize))
}
