package stats

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServer(t *testing.T) {
	s, stop := start(t, Options{Interface: "127.0.0.1:0"})
	address := s.Addr().String()
	expectAnswer(t, "http://"+address+"/", nil)
	stop()
	expectClosed(t, address)
	if s.Addr() != nil {
		t.Error("an ended server has an address")
	}
}

func TestNoInterface(t *testing.T) {
	s, stop := start(t, Options{})
	if s.Addr() != nil {
		t.Errorf("listens on %v", s.Addr())
	}
	stop()
}

func TestTakenAddressIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	address := l.Addr().String()
	s := NewServer(nil, slog.New(slog.DiscardHandler))
	_, err = s.Prepare(Options{Interface: address})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
}

func TestBadOptionsAreErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for _, o := range []Options{
		{Interface: "nonsense"},
		{Interface: "127.0.0.1:99999"},
		{Interface: "127.0.0.1:0", Pattern: "nonsense"},
		{Interface: "127.0.0.1:0", TLSCertFile: missing, TLSKeyFile: missing},
		{Interface: "127.0.0.1:0", TLSCertFile: missing},
	} {
		s := NewServer(nil, slog.New(slog.DiscardHandler))
		if _, err := s.Prepare(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// A client that sends nothing does not delay the end of Run.
func TestStopWithAnOpenConnection(t *testing.T) {
	s, stop := start(t, Options{Interface: "127.0.0.1:0"})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 30*closeTimeout {
		t.Errorf("the end took %v", took)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	status, _, err := get(t, "http://"+s.Addr().String()+"/?"+strings.Repeat("x", 4*maxHeaderBytes), nil)
	if err != nil || status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, %v", status, err)
	}
}

func TestCloseWithoutRun(t *testing.T) {
	c, _ := newTestCounters()
	s := NewServer(c, slog.New(slog.DiscardHandler))
	commit(t, s, Options{Interface: "127.0.0.1:0"})
	address := s.Addr().String()
	late, err := s.Prepare(Options{Interface: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	lateAddress := late.endpoint.listener.Addr().String()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	late.Commit()
	expectClosed(t, address)
	expectClosed(t, lateAddress)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

// A listener that fails is logged, and is not an error of the daemon.
func TestFailedInterfaceIsLogged(t *testing.T) {
	var said lockedBuffer
	c, _ := newTestCounters("T")
	s := NewServer(c, slog.New(slog.NewTextHandler(&said, nil)))
	commit(t, s, Options{Interface: "127.0.0.1:0"})
	if err := s.want.listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	deadline := time.Now().Add(60 * time.Second)
	for !strings.Contains(said.String(), "the stats interface failed") {
		if time.Now().After(deadline) {
			t.Fatal("nothing was logged")
		}
		time.Sleep(time.Millisecond)
	}
	for s.Addr() != nil {
		if time.Now().After(deadline) {
			t.Fatal("the failed interface is still there")
		}
		time.Sleep(time.Millisecond)
	}
	commit(t, s, Options{Interface: "127.0.0.1:0"})
	expectAnswer(t, "http://"+s.Addr().String()+"/", nil)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
