package gordontest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Notify is systemd's side of the notify socket (sd_notify(3)): it keeps all
// datagrams.
type Notify struct {
	t    testing.TB
	path string

	mu       sync.Mutex
	received []string
}

// ListenNotify opens a socket that ends with the test.
func ListenNotify(t testing.TB) *Notify {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-notify")
	if err != nil {
		t.Fatal(err)
	}
	n := &Notify{t: t, path: filepath.Join(dir, "n")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			size, err := conn.Read(buf)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.received = append(n.received, string(buf[:size]))
			n.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		err := conn.Close()
		<-ended
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Env is the environment variable with the path of the socket.
func (n *Notify) Env() string { return "NOTIFY_SOCKET=" + n.path }

// All returns all datagrams.
func (n *Notify) All() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.received)
}

// Hears waits for a datagram that holds text.
func (n *Notify) Hears(text string) {
	n.t.Helper()
	Until(n.t, fmt.Sprintf("a datagram with %q", text), func() bool {
		return slices.ContainsFunc(n.All(), func(m string) bool { return strings.Contains(m, text) })
	})
}
