package privilege

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// Attributes are the user, the working directory and the priorities of a process. With
// the zero value a process has those of the daemon.
type Attributes struct {
	// User is the user of the process; nil is the daemon's own.
	User *Identity
	// Dir is the working directory, which is entered with the user's rights; "" is the
	// daemon's own.
	Dir string
	// Umask is the file mode creation mask; umask(2).
	Umask *int
	// Nice is from -20, the most urgent, to 19; setpriority(2).
	Nice *int
	// IO is the priority of reading from and writing to disks.
	IO IOPriority
	// OOMScoreAdj is from -1000, never killed when memory runs out, to 1000, always
	// killed first; proc_pid_oom_score_adj(5). An [OOMScore] sets it, not With.
	OOMScoreAdj *int

	// Guarded keeps other processes of the daemon's user away from this process. It is
	// for programs of the system whose answer decides about rights, and never for a
	// script: a guarded process has a capability.
	Guarded bool
}

// IOPriority is a class and a level in it, from 0, the most urgent, to 7; ioprio_set(2).
// The class Idle has no levels. The zero value is the daemon's own priority.
type IOPriority struct {
	Class IOClass
	Level int
}

// IOClass is a class of priorities, with the kernel's numbers.
type IOClass int

// The classes; ioprio_set(2).
const (
	IORealTime   IOClass = 1 // before all others, which may get nothing
	IOBestEffort IOClass = 2 // the default of all processes
	IOIdle       IOClass = 3 // only while no other process uses the disk
)

// ioprioClassShift and ioprioWhoProcess are IOPRIO_CLASS_SHIFT and
// IOPRIO_WHO_PROCESS of linux/ioprio.h.
const (
	ioprioClassShift = 13
	ioprioWhoProcess = 1
)

// NeedsOwnThread reports whether a thread has to take on attributes before it forks.
func (a Attributes) NeedsOwnThread() bool {
	return a.User != nil || a.Dir != "" || a.Umask != nil || a.Nice != nil || a.IO != IOPriority{} || a.Guarded
}

// With calls f so that the processes that it forks have the attributes, except for
// OOMScoreAdj.
//
// The kernel keeps nice value, I/O priority and groups for each thread, and
// after unshare(2) the working directory and the umask as well; a child inherits
// them from the thread that forks it. So a thread takes them on, is used once,
// and ends: none of it can be undone without privileges. The cost is a new
// thread, only for tasks that ask for it. The alternative is a launcher, one
// more program between fork and script.
//
// With separate steps, the error also names the step that failed. From the child, only
// an error number comes back.
func (a Attributes) With(f func() error) error {
	if !a.NeedsOwnThread() {
		return f()
	}
	var err error
	onThrowawayThread(func() {
		if err = a.take(); err == nil {
			err = f()
		}
	})
	return err
}

// take gives this thread the attributes. The user comes first, since its rights
// are needed for the working directory, and priorities last, since a low priority
// would slow down the other steps.
func (a Attributes) take() error {
	if a.Guarded {
		if err := guardChildren(); err != nil {
			return err
		}
	}
	if err := a.User.takeGroups(); err != nil {
		return err
	}
	if a.Dir != "" || a.Umask != nil {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return &step.Error{Doing: "set a private working directory and umask", Err: err}
		}
	}
	// Also without a directory: it shows whether the child can become the user.
	if err := a.User.WithFSIDs(a.enter); err != nil {
		return err
	}
	if a.Umask != nil {
		unix.Umask(*a.Umask)
	}
	if a.IO != (IOPriority{}) {
		prio := int(a.IO.Class)<<ioprioClassShift | a.IO.Level
		if _, _, no := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, uintptr(prio)); no != 0 {
			return &step.Error{Doing: "set the I/O priority", Err: no, Hint: hintNice}
		}
	}
	if a.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *a.Nice); err != nil {
			return &step.Error{Doing: fmt.Sprintf("set the nice value to %d", *a.Nice), Err: err, Hint: hintNice}
		}
	}
	return nil
}

// enter makes Dir this thread's working directory.
func (a Attributes) enter() error {
	if a.Dir == "" {
		return nil
	}
	err := unix.Chdir(a.Dir)
	if err == nil {
		return nil
	}
	e := &step.Error{Doing: "enter the working directory " + a.Dir, Err: err}
	if a.User != nil && errors.Is(err, unix.EACCES) {
		e.Hint = "the user " + a.User.Name + " has no access"
	}
	return e
}

// The lines of a systemd unit that give a missing right; systemd.exec(5).
const (
	hintUser    = "add AmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL to the unit"
	hintNice    = "add AmbientCapabilities=CAP_SYS_NICE to the unit"
	hintOOM     = "add AmbientCapabilities=CAP_SYS_RESOURCE to the unit"
	hintSandbox = "a setting of the unit such as SystemCallFilter= or PrivateUsers= forbids it"
)
