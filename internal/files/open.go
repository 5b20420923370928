package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Errors of [Open] and [Read], besides those of the system.
var (
	// ErrNotRegular is for a FIFO, a device or a socket. The error for a folder is EISDIR.
	ErrNotRegular = errors.New("it is not a regular file")
	// ErrTooBig is for a file over the limit.
	ErrTooBig = errors.New("it is too big")
)

// Open opens a regular file for reading, or /dev/null, which is a common name for an empty
// file. For other files it returns [ErrNotRegular]. It does not wait for the writer of a
// FIFO, nor for the holder of a lease on the file (fcntl(2), F_SETLEASE).
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, notRegular(path, err)
	}
	if err := readable(f); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "read", Path: path, Err: err}, f.Close())
	}
	return f, nil
}

func readable(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	null := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFREG || null:
		return nil
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return unix.EISDIR
	}
	return ErrNotRegular
}

// notRegular replaces the misleading error of open(2) for a socket.
func notRegular(path string, err error) error {
	if errors.Is(err, unix.ENXIO) {
		return &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	return err
}

// Read returns the content of a regular file of limit bytes at most. For a larger file it
// returns [ErrTooBig].
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it has more than %d bytes", ErrTooBig, limit)}
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}
