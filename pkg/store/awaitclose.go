package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errClosedByServer is why a connection is lost that rested.
var errClosedByServer = errors.New("redis has closed it")

// awaitClose waits until the server closes the connection (or closed is), also while
// nobody reads: a server with a "timeout" closes those that rest.
//
// It waits on a duplicate of the descriptor, as the poller of Go has one reader of
// each.
func (c *Conn) awaitClose(closed <-chan struct{}) error {
	conn, ok := c.netConn.Conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a %T has no descriptor", c.netConn.Conn)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var duplicate int
	if controlErr := raw.Control(func(fd uintptr) {
		duplicate, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	}); controlErr != nil || err != nil {
		return fmt.Errorf("duplicate the descriptor of a connection: %w", errors.Join(controlErr, err))
	}
	file := os.NewFile(uintptr(duplicate), "connection to redis") // the poller's, as the connection does not block
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-closed:
		case <-stop:
		}
		_ = file.Close() // and so the wait ends
	}()
	if raw, err = file.SyscallConn(); err != nil {
		return err
	}
	// POLLRDHUP also tells of an end behind bytes that nobody has read (poll(2)).
	if err := raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // descriptors are small
		n, err := unix.Poll(poll, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	}); err != nil {
		return err
	}
	return errClosedByServer
}
