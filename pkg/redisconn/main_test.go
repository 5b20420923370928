package redisconn

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

// open flushes the server and returns a link to it, or to the proxy in front.
func open(t *testing.T, socket string, timeout time.Duration) *Link {
	t.Helper()
	server.Flush(t)
	l := NewClient(Options{Network: "unix", Address: socket, Instance: "test instance", CommandTimeout: timeout}).Link(false)
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

// nothing is a use of a link that asks nothing.
func nothing(*Conn) error { return nil }
