package privilege

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// Identity is a user with its groups.
type Identity struct {
	Name     string // for messages only
	UID, GID uint32
	// Groups are the supplementary groups.
	Groups []uint32
	// KeepGroups keeps the supplementary groups of the daemon instead, for a task that
	// changes only its group.
	KeepGroups bool
}

// takeGroups gives this thread the user's supplementary groups.
func (u *Identity) takeGroups() error {
	if u == nil || u.KeepGroups {
		return nil
	}
	// For this thread alone; syscall.Setgroups would change all threads.
	if err := unix.Setgroups(u.groups()); err != nil {
		return u.refused(err)
	}
	return nil
}

func (u *Identity) groups() []int {
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	return groups
}

// Become gives the rights of this process away for those of the user, for good. It is
// for a command that checks the rights of a daemon with that user, and then ends.
func (u *Identity) Become() error {
	// The functions of package syscall change all threads.
	if err := syscall.Setgroups(u.groups()); err != nil {
		return fmt.Errorf("set the supplementary groups of %s: %w", u.Name, err)
	}
	if err := syscall.Setgid(int(u.GID)); err != nil {
		return fmt.Errorf("set the group of %s: %w", u.Name, err)
	}
	if err := syscall.Setuid(int(u.UID)); err != nil {
		return fmt.Errorf("become %s: %w", u.Name, err)
	}
	return nil
}

// WithFSIDs calls f with the user's rights to files; setfsuid(2), setfsgid(2). The
// thread must be locked to the goroutine. Only the rights to files are borrowed: the
// user could kill a thread that had become the user in full, and with it the daemon.
func (u *Identity) WithFSIDs(f func() error) error {
	if u == nil {
		return f()
	}
	if !setFSIDs(u.UID, u.GID) {
		return u.refused(unix.EPERM)
	}
	// The fork needs the daemon's own rights again: they allow it to enter a control
	// group (CLONE_INTO_CGROUP).
	defer setFSIDs(uint32(os.Geteuid()), uint32(os.Getegid()))
	return f()
}

// setFSIDs sets both ids, and reports whether the kernel has done so. The system calls
// return the previous id and no error.
func setFSIDs(uid, gid uint32) bool {
	_, _ = unix.SetfsgidRetGid(int(gid))
	_, _ = unix.SetfsuidRetUid(int(uid))
	return hasFSIDs(uid, gid)
}

// hasFSIDs reports whether this thread has both ids.
func hasFSIDs(uid, gid uint32) bool {
	isGID, _ := unix.SetfsgidRetGid(-1)
	isUID, _ := unix.SetfsuidRetUid(-1)
	return uint32(isGID) == gid && uint32(isUID) == uid
}

// HasOwnFSIDs reports whether this thread has the daemon's own rights to files.
func HasOwnFSIDs() bool { return hasFSIDs(uint32(os.Geteuid()), uint32(os.Getegid())) }

// CheckKill returns an error if this daemon may not signal processes of the user.
func (u *Identity) CheckKill() error {
	if u == nil || int(u.UID) == os.Geteuid() || MissingCaps(unix.CAP_KILL) == "" {
		return nil
	}
	return &step.Error{Doing: "kill processes of " + u.String(), Err: unix.EPERM, Hint: "CAP_KILL is missing; " + hintUser}
}

// refused returns the error for a system that does not let the daemon become the user.
func (u *Identity) refused(err error) error {
	e := &step.Error{Doing: "become " + u.String(), Err: err, Hint: hintSandbox}
	if missing := MissingCaps(unix.CAP_SETUID, unix.CAP_SETGID); missing != "" {
		e.Hint = missing + " is missing; " + hintUser
	}
	return e
}

// String names the user, or the group if only that changes.
func (u *Identity) String() string {
	if u.KeepGroups {
		return "a member of the group " + u.Name
	}
	return "user " + u.Name
}

// Credential returns the ids that the child takes between fork and exec.
func (u *Identity) Credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups, NoSetGroups: u.KeepGroups}
}
