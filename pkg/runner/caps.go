package runner

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// caps are the capabilities of a thread; capget(2). There are two words of them.
type caps [2]unix.CapUserData

// readCaps returns the calling thread's.
func readCaps() (c caps, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &c[0]); err != nil {
		return c, fmt.Errorf("reading the capabilities: %w", err)
	}
	return c, nil
}

func (c caps) effective(n int) bool { return c[n/32].Effective>>(n%32)&1 != 0 }

// keepCapsFromChildren has what this thread forks begin without capabilities.
//
// A daemon that is not root has them as ambient ones (AmbientCapabilities= of
// its unit), and those go to every program that it executes: a script with
// CAP_SETUID is root, whatever user it has. Without the inheritable set there is
// no ambient one, and none comes from a program's file; capabilities(7),
// "Transformation of capabilities during execve()". The daemon itself loses
// nothing: it uses the effective set, and executes nothing in its own place.
func keepCapsFromChildren() error {
	c, err := readCaps()
	if err != nil {
		return err
	}
	if c[0].Inheritable == 0 && c[1].Inheritable == 0 {
		return nil // and with it the ambient set
	}
	c[0].Inheritable, c[1].Inheritable = 0, 0
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &c[0]); err != nil {
		return &StartError{Doing: "keep the daemon's capabilities from the script", Err: err, Hint: "SystemCallFilter= of the unit must let capset pass"}
	}
	return nil
}

// capName is the name of one of the capabilities that this package asks for.
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
