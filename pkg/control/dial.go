package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotTheDaemon is returned if another process answers on the socket.
var ErrNotTheDaemon = errors.New("this is not the daemon's control socket")

// dial connects to the socket at path. The folder belongs to the daemon's user, so a
// script of the same user can put anything there, and root would connect to it: for
// example a link to the socket of another service, which obeys root but not that user.
// So dial follows no link, and requires that the owner of the socket answers. If daemon
// is not 0, the process with this pid has to answer.
func dial(ctx context.Context, path string, daemon int) (net.Conn, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // O_PATH: nothing was written
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, fmt.Errorf("%w: it is not a socket", ErrNotTheDaemon)
	}
	target := fmt.Sprintf("/proc/self/fd/%d", fd)
	if _, err := os.Lstat("/proc/self"); err != nil {
		target = path // the only way without /proc
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", target)
	if err != nil {
		var no unix.Errno
		if errors.As(err, &no) { // name path, not that of the descriptor
			err = &fs.PathError{Op: "connect to", Path: path, Err: no}
		}
		return nil, err
	}
	if err := checkPeer(conn, st.Uid, daemon); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkPeer checks which process made the socket that answers (SO_PEERCRED, unix(7)).
func checkPeer(conn net.Conn, owner uint32, daemon int) error {
	peer, err := peerOf(conn)
	if err != nil {
		return fmt.Errorf("reading the peer credentials of the socket: %w", err)
	}
	switch {
	case peer.Uid != owner:
		return fmt.Errorf("%w: process %d of user %d is listening, but the socket belongs to user %d", ErrNotTheDaemon, peer.Pid, peer.Uid, owner)
	case daemon != 0 && peer.Pid != 0 && int(peer.Pid) != daemon: // 0: a process of another pid namespace
		return fmt.Errorf("%w: process %d is listening, but the daemon is process %d", ErrNotTheDaemon, peer.Pid, daemon)
	}
	return nil
}

func peerOf(conn net.Conn) (peer *unix.Ucred, err error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	if fault := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); fault != nil {
		return nil, fault
	}
	return peer, err
}
