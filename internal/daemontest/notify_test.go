package daemontest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// notify is systemd's side of the notify socket: it keeps all datagrams.
type notify struct {
	t    *testing.T
	path string

	mu       sync.Mutex
	received []string
}

func listenNotify(t *testing.T) *notify {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-notify")
	if err != nil {
		t.Fatal(err)
	}
	n := &notify{t: t, path: filepath.Join(dir, "n")}
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
	t.Cleanup(func() { conn.Close(); <-ended; os.RemoveAll(dir) })
	return n
}

func (n *notify) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.received)
}

// hears waits for a datagram that holds text.
func (n *notify) hears(text string) {
	n.t.Helper()
	until(n.t, fmt.Sprintf("a datagram with %q", text), func() bool {
		return slices.ContainsFunc(n.all(), func(m string) bool { return strings.Contains(m, text) })
	})
}

// kinds are the assignments that mark the steps of a life, in order and without
// repetitions in a row.
func (n *notify) kinds() string {
	var kinds []string
	for _, m := range n.all() {
		for _, k := range []string{"READY=1", "RELOADING=1", "STOPPING=1"} {
			if strings.Contains(m, k) && (len(kinds) == 0 || kinds[len(kinds)-1] != k) {
				kinds = append(kinds, k)
			}
		}
	}
	return strings.Join(kinds, " ")
}

func ownRedis(t *testing.T, args ...string) *redistest.Server {
	t.Helper()
	s, err := redistest.Start(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The whole life of a unit with Type=notify.
func TestSystemdProtocol(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", stays)
	s.configure("shutdown_timeout = \"1h\"\n" + s.task("T", 1))
	n := listenNotify(t)
	d := s.run([]string{"NOTIFY_SOCKET=" + n.path, "WATCHDOG_USEC=200000"})
	n.hears("READY=1")
	n.hears("WATCHDOG=1")
	server.Push(t, "q:T", numbered(1))
	n.hears("STATUS=1 running, 1 types, 0 done, 0 failed; redis ok")

	d.reload("reloaded", 1)
	s.write("gordon.toml", "nonsense = 1")
	d.reload("the reload is refused", 1)
	until(t, "both reloads are over", func() bool { return n.kinds() == "READY=1 RELOADING=1 READY=1 RELOADING=1 READY=1" })
	for _, m := range n.all() {
		if strings.Contains(m, "RELOADING=1") && !strings.Contains(m, "MONOTONIC_USEC=") {
			t.Errorf("a reload without its time: %q", m)
		}
	}

	d.signal(syscall.SIGTERM)
	n.hears("STOPPING=1")
	n.hears("EXTEND_TIMEOUT_USEC=")
	s.write("go", "")
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := n.kinds(); !strings.HasSuffix(got, "READY=1 STOPPING=1") {
		t.Errorf("the steps were %s", got)
	}
}

// Redis being down neither trips the watchdog nor goes unsaid.
func TestWatchdogGoesOnWithoutRedis(t *testing.T) {
	redis := ownRedis(t)
	s := newSite(t)
	s.socket = redis.Socket
	s.script("T.sh", "")
	s.configure(s.task("T", 1))
	n := listenNotify(t)
	s.run([]string{"NOTIFY_SOCKET=" + n.path, "WATCHDOG_USEC=100000"})
	n.hears("READY=1")
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	n.hears("redis not reachable")
	seen := len(n.all())
	until(t, "ten more signs of life", func() bool {
		alive := 0
		for _, m := range n.all()[seen:] {
			if strings.Contains(m, "WATCHDOG=1") {
				alive++
			}
		}
		return alive >= 10
	})
}
