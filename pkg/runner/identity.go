package runner

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Identity is a user with its groups.
type Identity struct {
	Name     string // for people; not looked at
	UID, GID uint32
	// Groups are the supplementary groups. With KeepGroups they are the daemon's
	// own, which is for those who change the group alone.
	Groups     []uint32
	KeepGroups bool
}

// takeGroups gives this thread the user's supplementary groups.
func (u *Identity) takeGroups() error {
	if u == nil || u.KeepGroups {
		return nil
	}
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	// Of this thread alone; syscall.Setgroups would be for all of them.
	if err := unix.Setgroups(groups); err != nil {
		return u.refused(err)
	}
	return nil
}

// files calls f with the rights that the user has to files, on a thread that is
// locked and ends soon; setfsuid(2), setfsgid(2). Only the rights to files are
// borrowed: a thread that was the user in full could be killed by him, and with
// it the daemon.
func (u *Identity) files(f func() error) error {
	if u == nil {
		return f()
	}
	if !setFileIDs(u.UID, u.GID) {
		return u.refused(unix.EPERM)
	}
	// Back again for the fork: entering a control group (CLONE_INTO_CGROUP) takes
	// the daemon's rights.
	defer setFileIDs(uint32(os.Geteuid()), uint32(os.Getegid()))
	return f()
}

// setFileIDs sets both ids, and reports whether the kernel has done so: it says
// which id was there before, and nothing of an error.
func setFileIDs(uid, gid uint32) bool {
	_, _ = unix.SetfsgidRetGid(int(gid))
	_, _ = unix.SetfsuidRetUid(int(uid))
	return isFileIDs(uid, gid)
}

// isFileIDs reports whether this thread has both ids.
func isFileIDs(uid, gid uint32) bool {
	isGID, _ := unix.SetfsgidRetGid(-1)
	isUID, _ := unix.SetfsuidRetUid(-1)
	return uint32(isGID) == gid && uint32(isUID) == uid
}

// refused says that the system does not let us become the user, and why.
func (u *Identity) refused(err error) *StartError {
	e := &StartError{Doing: "become " + u.String(), Err: err, Hint: hintBox}
	if missing := missingCaps(unix.CAP_SETUID, unix.CAP_SETGID); missing != "" {
		e.Hint = missing + " is missing; " + hintUser
	}
	return e
}

// String names the user, or the group where that is all that changes.
func (u *Identity) String() string {
	if u.KeepGroups {
		return "a member of the group " + u.Name
	}
	return "user " + u.Name
}

// credential is what the child changes to between fork and exec.
func (u *Identity) credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups, NoSetGroups: u.KeepGroups}
}
