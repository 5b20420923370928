// Package step has the error of one step on the way to a started process. The packages
// that prepare a process return it, and pkg/runner reports it as a StartError. The
// package must not know the steps.
package step

// Error names the step that failed, its cause and a hint.
type Error struct {
	Doing string // the step, such as "become user www-data"
	Err   error  // wraps an error number
	Hint  string // explains the cause; may be empty
}

// Error returns "cannot DOING: cause", and the hint in parentheses.
func (e *Error) Error() string {
	text := "cannot " + e.Doing + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
