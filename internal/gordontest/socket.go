package gordontest

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// DeadSocket creates the file of a unix socket on which no process listens, as a killed
// daemon leaves it behind.
//
// It binds the socket and never listens on it. A listener that is closed would not do:
// a child that a parallel test has forked holds a copy of it until its execve(2), and
// connect(2) succeeds as long as one copy is open.
func DeadSocket(t testing.TB, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
}

// Connect connects to a unix socket, for at most a minute.
func Connect(t testing.TB, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}
