package runner

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Check tries out whether processes can be started with these attributes and
// ended again, without starting one. It returns a *StartError where they can't.
func (a Attributes) Check(g *Gate) error {
	s := Spec{Attributes: a, Gate: g}
	err := s.look(func(ready func() bool) error {
		_ = ready()
		return nil
	})
	if u := a.User; err == nil && u != nil && int(u.UID) != os.Geteuid() && missingCaps(unix.CAP_KILL) != "" {
		err = &StartError{Doing: "end processes of " + a.User.String(), Err: unix.EPERM, Hint: "CAP_KILL is missing; " + hintUser}
	}
	if err == nil {
		err = g.start(a.OOMScoreAdj, func() error { return nil })
	}
	return err
}

// CheckProgram says why the program can't be started, as far as that can be seen
// without starting it, in a *StartError, or nil. It looks with the user's rights.
func (a Attributes) CheckProgram(path string, g *Gate) error {
	s := Spec{Path: path, Attributes: a, Gate: g}
	err := s.look(func(ready func() bool) error {
		err := a.User.files(func() error {
			if err := executable(path); err != nil {
				return err
			}
			return interpretable(path)
		})
		_ = ready()
		return err
	})
	if err == nil {
		return nil
	}
	var no syscall.Errno
	if errors.As(err, &no) && !errors.As(err, new(*StartError)) {
		err = no
	}
	return newStartError(s, err)
}

// executable asks whether this thread may execute a file, as execve(2) would answer.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return unix.EACCES
	}
	// As the kernel will see it, mode bits, ACLs and mounts; before Linux 5.8 there
	// is no such question.
	err = unix.Faccessat2(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// look calls f with the attributes, on a goroutine of its own; f may look at the files
// of the program and has to call ready after that. See [looks].
func (s Spec) look(f func(ready func() bool) error) error {
	return s.Gate.known().within(s.Path+"\x00"+s.Dir, func(ready func() bool) error {
		return s.with(func() error { return f(ready) })
	})
}
