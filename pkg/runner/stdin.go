package runner

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openStdin opens what the process reads as its standard input: /dev/null, or a
// file in memory that holds content; memfd_create(2).
//
// With a pipe, someone would have to write while the script reads, or doesn't,
// or has ended. A file needs nobody: what a script leaves unread is gone when
// the last descriptor is closed. And others than the daemon's user can open
// /dev/stdin, which they can't with a pipe of somebody else's.
func openStdin(content []byte) (fd int, err error) {
	if content == nil {
		if fd, err = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return -1, fmt.Errorf("opening /dev/null: %w", err)
		}
		return fd, nil
	}
	if fd, err = memfd("gordon-stdin"); err != nil {
		return -1, fmt.Errorf("making a file in memory: %w", err)
	}
	if err := fill(fd, content); err != nil {
		closeFD(&fd)
		return -1, fmt.Errorf("writing %d bytes to a file in memory: %w", len(content), err)
	}
	return fd, nil
}

// memfd makes an empty file in memory that nobody can execute.
func memfd(name string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	return fd, err
}

// fill writes content without moving the file's offset, and seals it: the script
// gets a file that it can only read.
func fill(fd int, content []byte) error {
	for off := 0; off < len(content); {
		n, err := unix.Pwrite(fd, content[off:], int64(off))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		off += max(n, 0)
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	return err
}
