package stats

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

func TestReloadMovesTheInterface(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	old := s.Addr().String()
	change, err := s.Prepare(Options{Interface: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	expectAnswer(t, "http://"+old+"/", nil) // prepared, not moved
	change.Commit()
	change.Commit() // has no effect
	change.Discard()
	if s.Addr().String() == old {
		t.Fatal("the address has not changed")
	}
	expectAnswer(t, "http://"+s.Addr().String()+"/", nil)
	expectClosed(t, old)
}

func TestReloadTurnsTheInterfaceOffAndOn(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	old := s.Addr().String()
	commit(t, s, Options{})
	expectClosed(t, old)
	commit(t, s, Options{Interface: "127.0.0.1:0"})
	expectAnswer(t, "http://"+s.Addr().String()+"/", nil)
}

func TestRefusedReloadChangesNothing(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	old := s.Addr().String()
	if _, err := s.Prepare(Options{Interface: "127.0.0.1:0", Pattern: "nonsense"}); err == nil {
		t.Error("a bad pattern was accepted")
	}
	moved, err := s.Prepare(Options{Interface: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	discarded := moved.endpoint.listener.Addr().String()
	moved.Discard()
	moved.Commit() // has no effect
	expectClosed(t, discarded)
	same, err := s.Prepare(Options{Interface: "127.0.0.1:0", Pattern: "/stats"})
	if err != nil {
		t.Fatal(err)
	}
	same.Discard()
	if got := s.Addr().String(); got != old {
		t.Errorf("moved from %s to %s", old, got)
	}
	expectAnswer(t, "http://"+old+"/", nil)
}

// The address stays open while pattern, TLS and certificate change.
func TestReloadKeepsTheAddress(t *testing.T) {
	plain := Options{Interface: "127.0.0.1:0"}
	s, _ := start(t, plain)
	address := s.Addr().String()

	pattern := plain
	pattern.Pattern = "/stats"
	commit(t, s, pattern)
	if status, _, err := get(t, "http://"+address+"/", nil); err != nil || status != 404 {
		t.Errorf("the old pattern answers %d, %v", status, err)
	}
	expectAnswer(t, "http://"+address+"/stats", nil)

	first, firstPool := certificate(t)
	second, secondPool := certificate(t)
	commit(t, s, first)
	expectAnswer(t, "https://"+address+"/", &tls.Config{RootCAs: firstPool})
	commit(t, s, second)
	expectAnswer(t, "https://"+address+"/", &tls.Config{RootCAs: secondPool})
	if _, _, err := get(t, "https://"+address+"/", &tls.Config{RootCAs: firstPool}); err == nil {
		t.Error("the old certificate is still in use")
	}
	commit(t, s, plain)
	expectAnswer(t, "http://"+address+"/", nil)
	if got := s.Addr().String(); got != address {
		t.Errorf("moved from %s to %s", address, got)
	}
}

func TestReloadToAWiderAddressExplainsItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, Options{Interface: address})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Prepare(Options{Interface: "0.0.0.0:" + port})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("got %v", err)
	}
	expectAnswer(t, "http://"+address+"/", nil)
}

// Changes that Run has not served leave nothing open either.
func TestUnseenChangesLeaveNothingOpen(t *testing.T) {
	c, _ := newTestCounters("T")
	s := NewServer(c, slog.New(slog.DiscardHandler))
	var addresses []string
	for _, name := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.1:0"} {
		commit(t, s, Options{Interface: name})
		addresses = append(addresses, s.Addr().String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	expectAnswer(t, "http://"+addresses[2]+"/", nil)
	expectClosed(t, addresses[0])
	expectClosed(t, addresses[1])
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	expectClosed(t, addresses[2])
}

func TestManyChangesLeaveOneInterface(t *testing.T) {
	s, stop := start(t, Options{Interface: "127.0.0.1:0"})
	var addresses []string
	for i := range 30 {
		addresses = append(addresses, s.Addr().String())
		commit(t, s, Options{Interface: []string{"localhost:0", "127.0.0.1:0"}[i%2]})
	}
	expectAnswer(t, "http://"+s.Addr().String()+"/", nil)
	for _, address := range addresses {
		expectClosed(t, address)
	}
	last := s.Addr().String()
	stop()
	expectClosed(t, last)
}

// A FIFO as a certificate blocks no start and no reload.
func TestCertificateThatIsNoFile(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := newTestCounters("T")
	s := NewServer(c, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() {
		_, err := s.Prepare(Options{Interface: "127.0.0.1:0", TLSCertFile: fifo, TLSKeyFile: fifo})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, files.ErrNotRegular) {
			t.Errorf("got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
}
