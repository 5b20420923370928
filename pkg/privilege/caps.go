package privilege

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// caps are the capabilities of a thread; capget(2). There are two words of them.
type caps [2]unix.CapUserData

// readCaps returns the capabilities of the calling thread.
func readCaps() (c caps, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &c[0]); err != nil {
		return c, fmt.Errorf("reading the capabilities: %w", err)
	}
	return c, nil
}

func (c caps) effective(n int) bool { return c[n/32].Effective>>(n%32)&1 != 0 }

// LimitCaps makes the children of this thread begin without capabilities, except for
// guarded ones. The thread must be locked to the goroutine.
func (a Attributes) LimitCaps() error {
	if a.Guarded {
		return nil // guardChildren has chosen their capabilities
	}
	return keepCapsFromChildren()
}

// keepCapsFromChildren makes the children of this thread begin without capabilities.
//
// A daemon that is not root has them as ambient ones (AmbientCapabilities= of
// its unit), and those go to every program that it executes: a script with
// CAP_SETUID is root, whatever user it has. Without the inheritable set there are
// no ambient capabilities, and none come from a program's file; capabilities(7),
// "Transformation of capabilities during execve()". The daemon itself loses
// nothing: it uses the effective set, and executes nothing in its own place.
func keepCapsFromChildren() error {
	c, err := readCaps()
	if err != nil {
		return err
	}
	if c[0].Inheritable == 0 && c[1].Inheritable == 0 {
		return nil // then the ambient set is empty, too
	}
	c[0].Inheritable, c[1].Inheritable = 0, 0
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &c[0]); err != nil {
		return &step.Error{Doing: "drop the daemon's capabilities", Err: err, Hint: "the unit's SystemCallFilter= must allow capset"}
	}
	return nil
}

// guardChildren makes the children of this thread begin with one capability of the
// daemon's, and so out of reach for other processes of the daemon's user. Those could
// otherwise open the child's descriptors in /proc, or trace it. The kernel refuses that to
// a process that lacks a capability of the child (ptrace(2), "Ptrace access mode
// checking"). Between fork and execve the child has all capabilities of the daemon.
//
// CAP_KILL is the least of the capabilities of a daemon with tasks of other users. A
// daemon without CAP_KILL passes all of its capabilities on. There is nothing to guard if
// the daemon is root, because no other user reaches root's processes, or if it has no
// capability, because it cannot become anybody then.
func guardChildren() error {
	c, err := readCaps()
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 || c[0].Permitted|c[1].Permitted == 0 {
		return nil
	}
	pass := [2]uint32{c[0].Permitted, c[1].Permitted}
	if c[0].Permitted&(1<<unix.CAP_KILL) != 0 {
		pass = [2]uint32{1 << unix.CAP_KILL}
	}
	c[0].Inheritable, c[1].Inheritable = pass[0], pass[1]
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	err = unix.Capset(&header, &c[0])
	for n := 0; err == nil && n < 64; n++ {
		if pass[n/32]>>(n%32)&1 != 0 {
			err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0)
		}
	}
	if err != nil {
		return &step.Error{Doing: "protect it from other processes of this user", Err: err, Hint: "the unit's SystemCallFilter= must allow capset"}
	}
	return nil
}

// capName returns the name of a capability that Gordon checks.
func capName(n int) string {
	switch n {
	case unix.CAP_KILL:
		return "CAP_KILL"
	case unix.CAP_SETGID:
		return "CAP_SETGID"
	case unix.CAP_SETUID:
		return "CAP_SETUID"
	}
	return "capability " + strconv.Itoa(n)
}

// MissingCaps names those of the capabilities that this daemon does not have, "" if it
// has all of them.
func MissingCaps(caps ...int) string {
	have, err := readCaps()
	if err != nil {
		return ""
	}
	var missing []string
	for _, c := range caps {
		if !have.effective(c) {
			missing = append(missing, capName(c))
		}
	}
	return strings.Join(missing, ", ")
}
