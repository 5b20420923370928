package runner

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// readBuffer is as large as a pipe, so that one read(2) empties it.
type readBuffer [64 << 10]byte

// readBuffers lends buffers to tasks while there is something to read.
var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// stream is the read end of one of the two output pipes, and its output.
type stream struct {
	fd   int // read end, -1 when closed
	tail tail
	// unread is the number of bytes that were in the pipe when the end of the leader
	// was noticed. They include all output of the leader itself.
	unread int64
}

// open creates the pipe and returns its write end, which is for the child. Only
// the read end is non-blocking: a script that opens /dev/stdout for reading could
// otherwise empty the pipe between poll(2) and read(2), and block the daemon. The
// flag belongs to the read end, so the script does not see it.
func (s *stream) open() (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("making a pipe: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fds[0]), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return -1, fmt.Errorf("making a pipe non-blocking: %w", err)
	}
	s.fd = fds[0]
	return fds[1], nil
}

func (s *stream) close() { closeFD(&s.fd) }

// read reads after an event, and reports whether the stream has ended. A hang-up without
// data is the end: the pipe is empty and has no writer. After a hang-up with data
// the rest is at most the content of a pipe, so it is read to the end at once.
func (s *stream) read(events uint32) (end bool) {
	if events&unix.EPOLLIN == 0 {
		return true
	}
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	for {
		n, err := unix.Read(s.fd, buf[:])
		switch {
		case n > 0:
			s.tail.write(buf[:n])
			s.unread -= int64(n)
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false
		default: // the end, or an error that won't go away
			return true
		}
		if events&unix.EPOLLHUP == 0 {
			return false
		}
	}
}

// readUnread reads the bytes that were in the pipe at the last noteUnread, and no others.
func (s *stream) readUnread() {
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	for s.fd >= 0 && s.unread > 0 {
		n, err := unix.Read(s.fd, buf[:min(s.unread, int64(len(buf)))])
		switch {
		case n > 0:
			s.tail.write(buf[:n])
			s.unread -= int64(n)
		case errors.Is(err, unix.EINTR):
		default: // another process has read them
			s.unread = 0
		}
	}
}

// noteUnread notes the number of bytes in the pipe; FIONREAD, which Linux also calls TIOCINQ; pipe(7).
func (s *stream) noteUnread() {
	if s.fd < 0 {
		return
	}
	if n, err := unix.IoctlGetInt(s.fd, unix.TIOCINQ); err == nil {
		s.unread = int64(n)
	}
}

// empty reports whether the pipe is empty now.
func (s *stream) empty() bool {
	s.noteUnread()
	return s.fd < 0 || s.unread == 0
}
