package runner

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/step"
	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/program"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// StartError is the reason why a process could not be started.
type StartError struct {
	Path string // of the script
	// Doing is the step that failed, such as "become user www-data"; "" is the
	// execution of the script itself.
	Doing string
	Err   error  // the cause; wraps an error number
	Hint  string // explains the cause; may be empty

	// passes reports that the cause may go away although its error number does not
	// show that.
	passes bool
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

// Transient reports whether a start may succeed later. It failed for lack of processes,
// memory or descriptors, because the file system does not answer, or because the script
// is being written: a process has it open for writing (ETXTBSY), or it is still empty. A
// closed file that is not empty counts as complete.
func Transient(err error) bool {
	if capacity.Exhausted(err) || errors.Is(err, unix.ETXTBSY) || errors.Is(err, files.ErrHangs) {
		return true
	}
	var e *StartError
	return errors.As(err, &e) && e.passes
}

func newStartError(spec Spec, err error) *StartError {
	var before *step.Error
	if errors.As(err, &before) { // the start did not come to the script
		return &StartError{Path: spec.Path, Doing: before.Doing, Err: before.Err, Hint: before.Hint}
	}
	var lease *program.LeaseError
	if errors.As(err, &lease) {
		return &StartError{Path: spec.Path, Err: unix.EWOULDBLOCK, Hint: lease.Error()}
	}
	e := &StartError{Path: spec.Path, Err: err}
	switch {
	case errors.Is(err, unix.E2BIG):
		e.Hint = taskenv.ExplainTooBig(spec.Path, spec.Args, spec.Env)
	case errors.Is(err, unix.ENOENT):
		e.Hint = spec.hint(err)
	case errors.Is(err, unix.EACCES):
		e.Hint = spec.hint(err)
		if u := spec.User; u != nil {
			e.Hint = strings.TrimSuffix("as "+u.String()+"; "+e.Hint, "; ")
		}
	case errors.Is(err, unix.ENOEXEC):
		e.Hint = spec.hint(err)
		e.passes = e.Hint == program.HintEmpty
	case errors.Is(err, unix.ETXTBSY):
		e.Hint = "the file is still open for writing"
	}
	return e
}

// isStep reports whether err is that of a step before the script.
func isStep(err error) bool {
	var before *step.Error
	return errors.As(err, &before)
}

// hint explains an error by the program's file. It looks with the rights of the user,
// because the file may be a link to one that the user may not read, and within a time
// limit, because its file system may hang.
func (s Spec) hint(err error) (hint string) {
	_ = s.look(func(ready func() bool) error {
		return s.User.WithFSIDs(func() error {
			text := program.Explain(s.Path, err)
			if ready() {
				hint = text
			}
			return nil
		})
	})
	return hint
}
