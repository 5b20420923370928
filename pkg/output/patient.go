package output

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readerTimeout bounds one wait for whoever reads the log.
const readerTimeout = time.Second

// errUnread is what a record meets while the log's reader takes nothing.
var errUnread = errors.New("its reader takes nothing")

// pipeBuf is how much a pipe that poll(2) calls writable takes without blocking:
// PIPE_BUF, and pipe_poll in the kernel's fs/pipe.c.
const pipeBuf = 4096

// patient writes to what may be a pipe or a terminal, and does not wait for its
// reader for long, who may be stopped (Ctrl-S, or a full disk behind the log of a
// container): every worker that logs would wait with it. After one wait in vain,
// writes fail at once until there is room again.
type patient struct {
	*os.File
	timeout time.Duration
	unread  bool
}

func newPatient(f *os.File) *patient { return &patient{File: f, timeout: readerTimeout} }

func (p *patient) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if err = p.room(); err != nil {
			break
		}
		var some int
		some, err = p.File.Write(b[n:min(len(b), n+pipeBuf)])
		n += some
	}
	return n, err
}

// room waits until something can be written. Files always say so, and what is
// broken as well: the write will tell.
func (p *patient) room() error {
	deadline := time.Now()
	if !p.unread {
		deadline = deadline.Add(p.timeout)
	}
	fds := []unix.PollFd{{Fd: int32(p.Fd()), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		p.unread = err == nil && n == 0
		if p.unread {
			return errUnread
		}
		return nil
	}
}
