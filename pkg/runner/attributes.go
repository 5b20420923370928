package runner

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Attributes say as whom, where and how urgently a process runs. The zero value
// is: as this daemon does.
type Attributes struct {
	// User is who the process is; nil is the daemon's own user.
	User *Identity
	// Dir is the working directory, which is entered with the user's rights; ""
	// is the daemon's own.
	Dir string
	// Umask is what the process' new files may not be used for; umask(2).
	Umask *int
	// Nice is from -20, the most urgent, to 19; setpriority(2).
	Nice *int
	// IO is the priority of reading from and writing to disks.
	IO IOPriority
	// OOMScoreAdj is from -1000, never killed for want of memory, to 1000, always
	// killed first; proc_pid_oom_score_adj(5). It needs a Gate in Spec.
	OOMScoreAdj *int

	// guarded keeps other processes of the daemon's user from it; see guardChildren.
	guarded bool
}

// IOPriority is a class and, but for the class Idle, a level in it, from 0, the
// most urgent, to 7; ioprio_set(2). The zero value is the daemon's own.
type IOPriority struct {
	Class IOClass
	Level int
}

// IOClass is a class of priorities, with the kernel's numbers.
type IOClass int

// The classes; ioprio_set(2).
const (
	IORealTime   IOClass = 1 // before all others, which may get nothing
	IOBestEffort IOClass = 2 // what everybody has
	IOIdle       IOClass = 3 // when nobody else wants the disk
)

// ioprioClassShift and ioprioWhoProcess are IOPRIO_CLASS_SHIFT and
// IOPRIO_WHO_PROCESS of linux/ioprio.h.
const (
	ioprioClassShift = 13
	ioprioWhoProcess = 1
)

// ofThread reports whether there is something that a thread has to take on.
func (a Attributes) ofThread() bool {
	return a.User != nil || a.Dir != "" || a.Umask != nil || a.Nice != nil || a.IO != IOPriority{} || a.guarded
}

// with calls f so that what it forks has these attributes, all but OOMScoreAdj.
//
// The kernel keeps nice value, I/O priority and groups for each thread, and
// after unshare(2) the working directory and the umask as well; a child inherits
// them from the thread that forks it. So a thread takes them on, is used once,
// and ends: none of it can be undone without privileges. What costs is a new
// thread, and only for tasks that ask for it. The other way is a launcher, one
// more program between fork and script.
//
// Taking them on step by step also tells which step failed. From the child, only
// an error number comes back.
func (a Attributes) with(f func() error) error {
	if !a.ofThread() {
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

// onThrowawayThread calls f on a thread that ends afterwards.
func onThrowawayThread(f func()) {
	onThread(func() bool {
		f()
		return false
	})
}

// onThread calls f on a thread of its own, which ends afterwards unless f has left it
// clean, as it was.
func onThread(f func() (clean bool)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// All but the main thread, which would only be parked for good, and
			// whose attributes are those that others see of this process.
			defer runtime.UnlockOSThread()
			onThread(f)
			return
		}
		if f() {
			runtime.UnlockOSThread() // else the thread ends with the goroutine
		}
	}()
	<-done
}

// take gives this thread the attributes. The user comes first, since its rights
// are needed for the working directory, and priorities last: with little of it,
// the rest would take its time.
func (a Attributes) take() error {
	if a.guarded {
		if err := guardChildren(); err != nil {
			return err
		}
	}
	if err := a.User.takeGroups(); err != nil {
		return err
	}
	if a.Dir != "" || a.Umask != nil {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return &StartError{Doing: "have a working directory and an umask of its own", Err: err}
		}
	}
	// Without a directory, too: it shows whether the child can become the user.
	if err := a.User.files(a.enter); err != nil {
		return err
	}
	if a.Umask != nil {
		unix.Umask(*a.Umask)
	}
	if a.IO != (IOPriority{}) {
		prio := int(a.IO.Class)<<ioprioClassShift | a.IO.Level
		if _, _, no := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, uintptr(prio)); no != 0 {
			return &StartError{Doing: "set the I/O priority", Err: no, Hint: hintNice}
		}
	}
	if a.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *a.Nice); err != nil {
			return &StartError{Doing: fmt.Sprintf("set the nice value to %d", *a.Nice), Err: err, Hint: hintNice}
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
	e := &StartError{Doing: "enter the working directory " + a.Dir, Err: err}
	if a.User != nil && errors.Is(err, unix.EACCES) {
		e.Hint = "the user " + a.User.Name + " may not"
	}
	return e
}

// The lines of a systemd unit that give a missing right; systemd.exec(5).
const (
	hintUser = "AmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL in the unit would allow it"
	hintNice = "AmbientCapabilities=CAP_SYS_NICE in the unit would allow it"
	hintOOM  = "AmbientCapabilities=CAP_SYS_RESOURCE in the unit would allow it"
	hintBox  = "SystemCallFilter= or PrivateUsers= of the unit, or its like, does not allow it"
)
