package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// No client that is slow, or does not read, is served for long.
func TestSlowClientsAreEnded(t *testing.T) {
	path := serve(t, reloads(func(context.Context) error { return nil }))
	var clients sync.WaitGroup
	for name, beginning := range map[string]string{
		"says nothing":   "",
		"slow header":    "POST /reload HTTP/1.1\r\nX",
		"slow body":      "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"slow chunks":    "POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
		"unknown method": "BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		"never reads":    strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 20000),
	} {
		conn := gordontest.Connect(t, path)
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

// A reload may take any time, and its answer arrives.
func TestALongReloadIsWaitedFor(t *testing.T) {
	path := serve(t, reloads(func(ctx context.Context) error {
		select {
		case <-time.After(requestTimeout + time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	if err := reload(t, path); err != nil {
		t.Error(err)
	}
}

// A reload gets through, however many clients connect and send nothing.
func TestAReloadGetsThroughACrowd(t *testing.T) {
	var calls atomic.Int64
	path := serve(t, reloads(func(context.Context) error { calls.Add(1); return nil }))
	for range maxConnections + 8 {
		gordontest.Connect(t, path)
	}
	if err := reload(t, path); err != nil || calls.Load() != 1 {
		t.Errorf("%d reloads, %v", calls.Load(), err)
	}
}
