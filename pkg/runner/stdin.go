package runner

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openStdin opens the standard input of the process: /dev/null, or a
// file in memory that holds content; memfd_create(2).
//
// A pipe would need a writer for as long as the script reads. A file needs none: the
// kernel discards the unread content when the last descriptor is closed. And users other
// than the daemon's can open /dev/stdin, which is impossible with a pipe of another user.
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

// memfd creates an empty file in memory that cannot be executed.
func memfd(name string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	return fd, err
}

// fill writes content without moving the file's offset, and seals the file: the script
// can only read it.
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
