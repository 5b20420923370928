package store

import (
	"os"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var server *redistest.Server

func TestMain(m *testing.M) {
	os.Exit(redistest.MainWithoutLeaks(m, func(s *redistest.Server) { server = s }))
}

var keys = Keys{Prefix: "q"}

// open flushes the server and returns a link to it, or to the proxy in front.
func open(t *testing.T, socket string) *Link {
	t.Helper()
	return openWithTimeout(t, socket, 2*time.Second)
}

// openWithTimeout is open with another time-out for commands.
func openWithTimeout(t *testing.T, socket string, timeout time.Duration) *Link {
	t.Helper()
	server.Flush(t)
	l := NewClient(Options{Network: "unix", Address: socket, Instance: "test instance", CommandTimeout: timeout}).Link()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// use runs fn on the link and fails the test on an error.
func use(t *testing.T, l *Link, fn func(*Conn) error) {
	t.Helper()
	if err := l.Use(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// register puts an instance on record.
func register(c *Conn, k Keys, i Instance, lease time.Duration) error {
	_, err := c.Register(k, i, lease, 0)
	return err
}

// forbid removes the permission for a command from all users, until the test ends or allow
// is called.
func forbid(t *testing.T, command string) (allow func()) {
	t.Helper()
	admin := server.Conn(t)
	set := func(right string) {
		if _, err := admin.Do("ACL", "SETUSER", "default", right); err != nil {
			t.Error(err)
		}
	}
	set("-" + command)
	t.Cleanup(func() { set("+@all") })
	return func() { set("+@all") }
}
