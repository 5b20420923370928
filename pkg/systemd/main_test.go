package systemd

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is the receiving end of the notification socket, in place of systemd.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// listen binds address, sets $NOTIFY_SOCKET to it, and returns the manager.
func listen(t *testing.T, address string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close() // a test may have closed it
	})
	t.Setenv("NOTIFY_SOCKET", address)
	return &manager{t, conn}
}

func listenPath(t *testing.T) *manager {
	t.Helper()
	return listen(t, filepath.Join(t.TempDir(), "notify"))
}

// next returns the next datagram.
func (m *manager) next() string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

// expect checks the next datagrams, in order.
func (m *manager) expect(want ...string) {
	m.t.Helper()
	for _, w := range want {
		if got := m.next(); got != w {
			m.t.Errorf("got datagram %q, want %q", got, w)
		}
	}
}

// expectNone checks that nothing has been sent: datagrams of a unix socket are
// in its queue when the call that sent them returns.
func (m *manager) expectNone() {
	m.t.Helper()
	// A deadline in the past would fail without reading the queue.
	if err := m.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	if n, err := m.conn.Read(b); err == nil {
		m.t.Errorf("unexpected datagram %q", b[:n])
	}
}
