package stats

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func connect(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// 500 clients that send requests at once all get an answer, though not all at once.
func TestManyClientsAreAnsweredInTurn(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	address := s.Addr().String()
	held := make([]net.Conn, maxConnections) // each place is taken …
	for i := range held {
		held[i] = connect(t, address)
	}
	// They wait in the queue of the socket, after sending their requests: the server would
	// close a client that is slow to send, which can happen on a busy machine.
	clients := make([]net.Conn, 500)
	for i := range clients {
		clients[i] = connect(t, address)
		if _, err := io.WriteString(clients[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range held { // … until these give up
		conn.Close()
	}
	for i, conn := range clients {
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("client %d: status %d", i, answer.StatusCode)
		}
		conn.Close()
	}
}

// If half of the places are in use, no further client keeps an idle connection.
func TestIdleConnectionsDoNotKeepOthersOut(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	kept := 0
	for i := range maxConnections {
		conn := connect(t, s.Addr().String())
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if !answer.Close {
			kept++
		} else if i < maxConnections/2-1 {
			t.Errorf("connection %d was closed", i+1)
		}
	}
	// A closed connection still counts for a moment.
	if kept > maxConnections/2+1 {
		t.Errorf("%d connections are kept", kept)
	}
}

// FuzzRequest checks that the interface answers the next request, whatever bytes it got
// before.
func FuzzRequest(f *testing.F) {
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "BREW / HTCPCP/1.0\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /%00%ff/../.. HTTP/1.1\r\nHost:\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", "\x16\x03\x01\x00\xff", "\r\n\r\n", "OPTIONS * HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 20),
	} {
		f.Add([]byte(request))
	}
	c, _ := newTestCounters("T")
	s := NewServer(c, slog.New(slog.DiscardHandler))
	change, err := s.Prepare(Options{Interface: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	change.Commit()
	ctx := f.Context()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, request []byte) {
		exchange(t, s.Addr().String(), request)
		answer := exchange(t, s.Addr().String(), []byte("GET / HTTP/1.0\r\n\r\n"))
		if !strings.Contains(answer, `"task_count":{"T":0}`) {
			t.Fatalf("after %q: %q", request, answer)
		}
	})
}

// exchange sends a request, closes its side, and returns the answer.
func exchange(t *testing.T, address string, request []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	// The server may refuse it before all of it was sent, so an error is not a failure.
	_, _ = conn.Write(request)
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q was not ended", request)
	}
	return string(bytes.ToValidUTF8(answer, nil))
}

// The server closes clients that send slowly: after requestTimeout, and in the header
// after readHeaderTimeout, whether they read or not.
func TestSlowClientsAreEnded(t *testing.T) {
	s, _ := start(t, Options{Interface: "127.0.0.1:0"})
	var clients sync.WaitGroup
	for name, beginning := range map[string]string{
		"says nothing":  "",
		"slow header":   "GET / HTTP/1.1\r\nX",
		"slow body":     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"slow chunks":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
		"never reads":   strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2000),
		"slow pipeline": "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET",
	} {
		conn := connect(t, s.Addr().String())
		clients.Go(func() {
			began := time.Now()
			_, err := io.WriteString(conn, beginning)
			for err == nil && time.Since(began) < time.Minute {
				time.Sleep(100 * time.Millisecond)
				_, err = fmt.Fprint(conn, "a")
			}
			if err == nil {
				t.Errorf("%s: still served after %v", name, time.Since(began))
			}
		})
	}
	clients.Wait()
}
