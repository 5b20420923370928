package hostiletest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

var servedAt = regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)

// attacks are what a client may begin with, and go on with a byte at a time.
func attacks() []string {
	return []string{
		"",
		"GET / HTTP/1.1\r\nX",
		"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20),
		strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1000) + "garbage\r\n\r\n",
		"BREW /reload HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\xff\xff\x01",
		strings.Repeat("\r\n", 10_000) + strings.Repeat("\x00", 100_000),
	}
}

// attack has n clients mean harm until they are told to stop.
func attack(t *testing.T, n int, network, address string) (stop func()) {
	t.Helper()
	over, beginnings := make(chan struct{}), attacks()
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			for {
				conn, err := net.DialTimeout(network, address, time.Second)
				if err == nil {
					_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
					_, err = io.WriteString(conn, beginnings[i%len(beginnings)])
				}
				for err == nil {
					select {
					case <-over:
						err = net.ErrClosed
					case <-time.After(200 * time.Millisecond):
						_, err = fmt.Fprint(conn, "x")
					}
				}
				if conn != nil {
					conn.Close()
				}
				select {
				case <-over:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return sync.OnceFunc(func() { close(over); clients.Wait() })
}

// With more clients that mean harm than an interface has places, tasks go on, a reload and a
// request get through, and afterwards everything is as before.
func TestInterfacesUnderAttack(t *testing.T) {
	t.Parallel()
	site, redis := newSite(t)
	site.Script("T", `echo "$1" >>"$D/ran"`)
	site.Configure(site.Task("T", 2) + "[stats]\ninterface = \"127.0.0.1:0\"\n")
	runtime, err := os.MkdirTemp("", "gordon-run") // a path short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	daemon := site.Run([]string{"RUNTIME_DIRECTORY=" + runtime})
	daemon.Says("gordon is up")
	address := servedAt.FindStringSubmatch(daemon.Printed())[1]
	socket := filepath.Join(runtime, "control.sock")
	redis.Push(t, "q:T", gordontest.Numbered(0))
	gordontest.Until(t, "a first task ran", func() bool { return len(site.Lines("ran")) == 1 })
	fds, memory := daemon.FDs(), daemon.RSS()

	stopStats := attack(t, *clients, "tcp", address)
	defer stopStats()
	stopControl := attack(t, *clients/2, "unix", socket)
	defer stopControl()
	// All places are hardly ever taken at one moment: slow clients are ended all
	// the time, and on a busy machine others come late.
	gordontest.Until(t, "most places are taken", func() bool { return daemon.FDs() >= fds+(128+64)/2 })
	if n := daemon.FDs(); n > fds+128+64+20 {
		t.Errorf("%d descriptors are open, %d before", n, fds)
	}
	for i := range 50 {
		redis.Push(t, "q:T", gordontest.Numbered(i+1))
	}
	gordontest.Until(t, "tasks go on", func() bool { return len(site.Lines("ran")) == 51 })
	ask(t, http.MethodPost, "unix", socket, "/reload")
	ask(t, http.MethodGet, "tcp", address, "/")
	if grew := daemon.Peak() - memory; grew > 64<<20 {
		t.Errorf("the daemon grew by %d MiB", grew>>20)
	}
	t.Logf("%d descriptors, %d before; grew by %d MiB", daemon.FDs(), fds, (daemon.Peak()-memory)>>20)
	stopStats()
	stopControl()
	// A reload may have been asked for by those, too: a few connections to Redis
	// are newer than the count.
	const newer = 4
	gordontest.Until(t, "all descriptors are closed", func() bool { return daemon.FDs() <= fds+newer })
	t.Logf("%d descriptors afterwards", daemon.FDs())
	ask(t, http.MethodGet, "tcp", address, "/")
	checkLog(t, daemon.Printed())
	daemon.Stop()
}

// ask asks until it is answered: in a crowd it may take its turn.
func ask(t *testing.T, method, network, address, path string) {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		DisableKeepAlives: true,
	}}
	gordontest.Until(t, method+" "+path+" is answered", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://gordon"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK
	})
}
