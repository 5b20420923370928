package runner

import (
	"errors"
	"syscall"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/program"
)

// Check tries whether processes can be started with these attributes and ended again. It
// starts none.
func Check(a privilege.Attributes, g *Gate) error {
	s := Spec{Attributes: a, Gate: g}
	err := s.look(func(ready func() bool) error {
		_ = ready()
		return nil
	})
	if err == nil {
		err = a.User.CheckKill()
	}
	if err == nil {
		err = g.during(a.OOMScoreAdj, func() error { return nil })
	}
	return err
}

// CheckProgram returns a *StartError if the program cannot be started with these
// attributes, as far as that can be seen without starting it. It looks with the user's
// rights.
func CheckProgram(a privilege.Attributes, path string, g *Gate) error {
	s := Spec{Path: path, Attributes: a, Gate: g}
	err := s.look(func(ready func() bool) error {
		err := a.User.WithFSIDs(func() error { return program.Check(path) })
		_ = ready()
		return err
	})
	if err == nil {
		return nil
	}
	var no syscall.Errno
	if errors.As(err, &no) && !isStep(err) {
		err = no
	}
	return newStartError(s, err)
}

// look calls f with the attributes, on a goroutine of its own. f may look at the files
// of the program and must call ready afterwards; see [program.Looks].
func (s Spec) look(f func(ready func() bool) error) error {
	return s.Gate.known().Within(s.Path+"\x00"+s.Dir, func(ready func() bool) error {
		return s.With(func() error { return f(ready) })
	})
}
