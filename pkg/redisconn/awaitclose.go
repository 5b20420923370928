package redisconn

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errClosedByServer is the reason why an idle connection is lost.
var errClosedByServer = errors.New("closed by redis")

// AwaitClose waits until the server closes the connection, or until closed is closed. It
// works while nobody reads: a server with a "timeout" closes idle connections.
//
// It waits on a duplicate of the descriptor, because Go's poller has one reader for each.
func (c *Conn) AwaitClose(closed <-chan struct{}) error {
	conn, ok := c.netConn.Conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a %T has no descriptor", c.netConn.Conn)
	}
	file, err := duplicate(conn)
	if err != nil {
		return fmt.Errorf("duplicate the descriptor of a connection: %w", err)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-closed:
		case <-stop:
		}
		_ = file.Close() // this ends the wait
	}()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	// POLLRDHUP also reports an end behind bytes that nobody has read (poll(2)).
	if err := raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // descriptors are small
		n, err := unix.Poll(poll, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	}); err != nil {
		return err
	}
	return errClosedByServer
}

// duplicate returns a file of the poller for the same connection, which does not block.
func duplicate(conn syscall.Conn) (*os.File, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dupErr error
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "connection to redis"), nil
}
