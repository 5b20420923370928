package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func status() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "status") })
}

func connect(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// No client that is slow, or does not read, is served for long.
func TestSlowClientsAreEnded(t *testing.T) {
	path := serve(t, Actions{Reload: func(context.Context) error { return nil }, Status: status(), Code: func(error) int { return 500 }})
	var clients sync.WaitGroup
	for name, beginning := range map[string]string{
		"says nothing":   "",
		"slow header":    "POST /reload HTTP/1.1\r\nX",
		"slow body":      "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"slow chunks":    "POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
		"unknown method": "BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"never reads":    strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 20000),
	} {
		conn := connect(t, path)
		clients.Go(func() {
			began := time.Now()
			_, err := io.WriteString(conn, beginning)
			for err == nil && time.Since(began) < time.Minute {
				time.Sleep(50 * time.Millisecond)
				_, err = fmt.Fprint(conn, "a")
			}
			if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: still served after %v", name, time.Since(began))
			}
		})
	}
	clients.Wait()
}

func TestReloadTakesNoBody(t *testing.T) {
	path := serve(t, Actions{
		Reload: func(context.Context) error { t.Error("reloaded"); return nil },
		Status: status(), Code: func(error) int { return 500 },
	})
	conn := connect(t, path)
	sent := make(chan int64, 1)
	go func() {
		head := "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"
		n, _ := io.Copy(conn, io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, 1<<30)))
		sent <- n
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
	if n := <-sent; n > 64<<20 {
		t.Errorf("%d bytes were taken in", n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A reload takes as long as it takes, and its answer arrives.
func TestALongReloadIsWaitedFor(t *testing.T) {
	path := serve(t, Actions{
		Reload: func(ctx context.Context) error {
			select {
			case <-time.After(requestTimeout + time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Status: status(), Code: func(error) int { return 500 },
	})
	if err := Reload(t.Context(), path, 0); err != nil {
		t.Error(err)
	}
}

// However many connect and say nothing, a reload gets through.
func TestAReloadGetsThroughACrowd(t *testing.T) {
	var reloads atomic.Int64
	path := serve(t, Actions{
		Reload: func(context.Context) error { reloads.Add(1); return nil },
		Status: status(), Code: func(error) int { return 500 },
	})
	for range maxConnections + 8 {
		connect(t, path)
	}
	if err := Reload(t.Context(), path, 0); err != nil || reloads.Load() != 1 {
		t.Errorf("%d reloads, %v", reloads.Load(), err)
	}
}

func TestGarbageIsAnsweredOrClosed(t *testing.T) {
	path := serve(t, Actions{
		Reload: func(context.Context) error { t.Error("reloaded"); return nil },
		Status: status(), Code: func(error) int { return 500 },
	})
	for request, want := range map[string]string{
		"\x16\x03\x01\x00\xff\r\n\r\n":                                          "400",
		"BREW /reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":         "405",
		"POST /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":          "405",
		"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc":      "413",
		"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n":      "431",
		"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n":        "400",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n":                      "200",
		"POST /../reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":      "307",
		"GET /reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":          "200",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\x00", 1<<10) + "": "400",
	} {
		conn := connect(t, path)
		_, _ = io.WriteString(conn, request)
		answer, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 "+want)) && !bytes.HasPrefix(answer, []byte("HTTP/1.0 "+want)) {
			t.Errorf("%.60q: %.100q", request, answer)
		}
	}
}
