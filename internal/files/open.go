package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Errors of [Open] and [Read], beside those of the system.
var (
	// ErrNotRegular is for a FIFO, a device or a socket; a folder is EISDIR.
	ErrNotRegular = errors.New("it is not a regular file")
	// ErrTooBig is for a file over the limit.
	ErrTooBig = errors.New("it is too big")
)

// Open opens a regular file for reading. Everything else but /dev/null, which many
// use for an empty file, is [ErrNotRegular]. It does not wait for the writer of a
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

// notRegular says of a socket what it is, for which open(2) has a misleading error.
func notRegular(path string, err error) error {
	if errors.Is(err, unix.ENXIO) {
		return &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	return err
}

// Read returns the content of a regular file of no more than limit bytes. A larger
// one is [ErrTooBig].
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
