package output

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readerTimeout bounds one wait for the reader of the log.
const readerTimeout = time.Second

// errNoProgress is the error of a write while the reader of the log does not read.
var errNoProgress = errors.New("the reader does not read")

// pipeBuf is how many bytes can be written without blocking to a pipe that poll(2) reports
// as writable: PIPE_BUF, and pipe_poll in the kernel's fs/pipe.c.
const pipeBuf = 4096

// nonBlockingWriter writes to a file that may be a pipe or a terminal. It does not wait
// long for a reader that has stopped (Ctrl-S, or a full disk behind the log of a
// container): every worker that logs would wait, too. After one time-out, writes fail at
// once until there is room again.
type nonBlockingWriter struct {
	*os.File
	timeout time.Duration
	full    bool // the last wait timed out
}

func newNonBlocking(f *os.File) *nonBlockingWriter {
	return &nonBlockingWriter{File: f, timeout: readerTimeout}
}

func (w *nonBlockingWriter) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if err = w.room(); err != nil {
			break
		}
		var some int
		some, err = w.File.Write(b[n:min(len(b), n+pipeBuf)])
		n += some
	}
	return n, err
}

// room waits until something can be written. A regular file is always writable, and so is
// a broken pipe: the write returns the error then.
func (w *nonBlockingWriter) room() error {
	deadline := time.Now()
	if !w.full {
		deadline = deadline.Add(w.timeout)
	}
	fds := []unix.PollFd{{Fd: int32(w.Fd()), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		w.full = err == nil && n == 0
		if w.full {
			return errNoProgress
		}
		return nil
	}
}
