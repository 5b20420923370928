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

// stream is our end of one of the two output pipes and what came out of it.
type stream struct {
	fd   int // read end, -1 when closed
	tail tail
	// owed is how many bytes were in the pipe when the leader was seen dead.
	// Everything that the leader itself wrote is among them.
	owed int64
}

// open makes the pipe and returns its write end, which the child gets. Only
// our end is non-blocking: a script that opens /dev/stdout for reading could
// otherwise empty the pipe between poll(2) and our read(2) and block us. The
// flag belongs to the end, so the script doesn't see it.
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

// read takes what an event promises. A hang-up without data means that there is
// nothing left and nobody who could write: the end. After a hang-up with data
// the rest is at most a pipe's content, so it is read to the end at once. It
// reports whether the end was reached.
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
			s.owed -= int64(n)
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

// readOwed reads what was in the pipe at the last noteOwed, and nothing beyond it.
func (s *stream) readOwed() {
	buf := readBuffers.Get().(*readBuffer)
	defer readBuffers.Put(buf)
	for s.fd >= 0 && s.owed > 0 {
		n, err := unix.Read(s.fd, buf[:min(s.owed, int64(len(buf)))])
		switch {
		case n > 0:
			s.tail.write(buf[:n])
			s.owed -= int64(n)
		case errors.Is(err, unix.EINTR):
		default: // somebody else has read it
			s.owed = 0
		}
	}
}

// noteOwed asks how much is in the pipe; FIONREAD, which Linux also calls TIOCINQ; pipe(7).
func (s *stream) noteOwed() {
	if s.fd < 0 {
		return
	}
	if n, err := unix.IoctlGetInt(s.fd, unix.TIOCINQ); err == nil {
		s.owed = int64(n)
	}
}

// empty reports whether nothing is in the pipe now.
func (s *stream) empty() bool {
	s.noteOwed()
	return s.fd < 0 || s.owed == 0
}
