package hosttest

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Start starts a command on the machine. It is a child of the test, which can wait
// for it and signal it.
//
// A thread joins the machine's namespaces, forks, and ends (setns(2)): it cannot be
// used for anything else.
func (h *Host) Start(cmd *exec.Cmd) error {
	if h.init == nil {
		return errOff
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := enter(h.init.Process.Pid)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}

// enter moves the calling thread, and its future children, to the namespaces of a process.
func enter(pid int) error {
	// A thread that shares its root and working directory may not change its mount
	// namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, name := range []string{"uts", "pid", "mnt"} {
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open the %s namespace: %w", name, err)
		}
		err = unix.Setns(fd, 0)
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("join the %s namespace: %w", name, err)
		}
	}
	return nil
}
