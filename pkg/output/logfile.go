package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

// Errors of a logfile, in addition to those of the system.
var (
	// ErrNoReader is returned for a FIFO that no process has open for reading.
	ErrNoReader = errors.New("no process has this FIFO open for reading")
	// ErrNotLogfile is returned for a disk or a socket.
	ErrNotLogfile = errors.New("not usable as a logfile; remove logfile to log to the journal or to standard output")
)

// openLogfile opens path for appending. Mode 0640 lets only the file's group read it:
// entries may contain secrets. It does not wait for the reader of a FIFO.
func openLogfile(path string) (*text, error) {
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Open(path, flags, 0o640)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, flags, 0o640)
	}
	if err != nil {
		return nil, refusal(path, err)
	}
	if err := suitable(fd); err != nil {
		return nil, errors.Join(refusal(path, err), unix.Close(fd))
	}
	return &text{w: newNonBlocking(os.NewFile(uintptr(fd), path))}, nil
}

// suitable refuses a disk, and makes writes block again: [nonBlockingWriter] bounds them,
// and there are no partial lines then.
func suitable(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		return ErrNotLogfile
	}
	return unix.SetNonblock(fd, false)
}

// refusal returns the error of opening path. ENXIO means a FIFO without a reader, or a
// socket.
func refusal(path string, err error) error {
	if errors.Is(err, unix.ENXIO) {
		err = ErrNotLogfile
		if info, fault := os.Stat(path); fault == nil && info.Mode().Type() == fs.ModeNamedPipe {
			err = ErrNoReader
		}
	}
	return fmt.Errorf("opening the logfile: %w", &fs.PathError{Op: "open", Path: path, Err: err})
}

// ownDescriptor matches the paths of a process for its open files; proc(5).
var ownDescriptor = regexp.MustCompile(`^/(?:dev|proc/self|proc/thread-self)/fd/([12])$`)

// descriptor returns "1" or "2" if path means the standard output or error of the
// process that opens it, such as /dev/stdout, else "". That may be a socket, which cannot
// be opened, or the pipe of another user, which must not be.
func descriptor(path string) string {
	for range 8 { // /dev/stdout is usually a link to /proc/self/fd/1
		path = filepath.Clean(path)
		if m := ownDescriptor.FindStringSubmatch(path); m != nil {
			return m[1]
		}
		next, err := os.Readlink(path)
		if err != nil {
			return ""
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return ""
}

// CheckLogfile returns an error if a logfile could not be opened. It creates none.
func CheckLogfile(path string) error {
	err := unix.Access(path, unix.W_OK)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: unix.EISDIR}
	}
	return nil
}
