package runner

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The subject of an event.
const (
	onStdout = iota
	onStderr
	onLeader
)

// events waits for both streams and the leader of one task, in one goroutine
// and without keeping a thread: an epoll instance of its own, which the
// runtime's network poller watches as if it were one connection.
//
// The alternatives were measured. A goroutine for each stream costs the same
// and leaves no single place that decides when a task is over. Blocking in
// poll(2) is cheaper for one task after the other, but it keeps the scheduler's
// processor for up to milliseconds: with as many tasks as CPUs, no other goroutine
// of the daemon runs until the runtime notices, not even one with an answer from Redis.
type events struct {
	fd   int
	file *os.File // owns fd
	conn syscall.RawConn
}

// watch returns events for the read ends of the two streams.
func watch(stdout, stderr int) (*events, error) {
	e, err := newEvents()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(e.add(stdout, onStdout), e.add(stderr, onStderr)); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// newEvents returns events that wait for nothing yet.
func newEvents() (*events, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making an epoll instance non-blocking: %w", err)
	}
	e := &events{fd: fd}
	e.file = os.NewFile(uintptr(fd), "epoll") // non-blocking: goes to the network poller
	if e.conn, err = e.file.SyscallConn(); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *events) add(fd int, about int32) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: about}
	if err := unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watching descriptor %d: %w", fd, err)
	}
	return nil
}

// remove must come before the descriptor is closed. Closing it is not enough: a
// child that is being forked at this moment has copies of all descriptors until
// its execve, and until then epoll would go on reporting it.
func (e *events) remove(fd int) {
	_ = unix.EpollCtl(e.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// pending stores the events that have happened into list, without waiting, and returns
// their number.
func (e *events) pending(list []unix.EpollEvent) int {
	n := 0
	_ = retryEINTR(func() (err error) {
		n, err = unix.EpollWait(e.fd, list, 0)
		return err
	})
	return max(n, 0)
}

// wait calls turn at once, and after each event until it returns true, and a last time
// after the deadline (the zero deadline never passes).
func (e *events) wait(deadline time.Time, turn func() bool) {
	err := e.file.SetReadDeadline(deadline)
	if err == nil {
		err = e.conn.Read(func(uintptr) bool { return turn() })
	}
	if err == nil || turn() || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	// The network poller does not have the descriptor (ENOMEM or ENOSPC when it
	// was registered). So wait for a moment with poll(2).
	fds := [...]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	_, _ = unix.Poll(fds[:], int(tick.Milliseconds()))
}

func (e *events) close() { _ = e.file.Close() }
