package daemon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/control"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

func TestMain(m *testing.M) {
	// After a refusal net/http waits for 500 ms, so that the client can read it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// serve serves the API on a socket until the test ends.
func serve(t *testing.T, a *api) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), control.SocketName)
	s, err := control.Listen(path, a.handler(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return path
}

func status() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "status") })
}

// never is a reload that must not happen.
func never(t *testing.T) func(context.Context) error {
	return func(context.Context) error { t.Error("reloaded"); return nil }
}

// post sends a request as curl, or the command of an older gordon, would.
func post(t *testing.T, path, route string) (status int, text string) {
	t.Helper()
	conn := gordontest.Connect(t, path)
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", route); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// The exit code of a refusal arrives as it is, and the status means the same to the
// command of an older gordon.
func TestARefusedReload(t *testing.T) {
	for _, test := range []struct {
		err          error
		status, code int
	}{
		{config.Faults{{File: "f", Message: "bad"}}, 422, 78},
		{fmt.Errorf("%w: no such file", ErrConfig), 422, 78},
		{fmt.Errorf("gave up: %w", taskqueue.ErrRedis), 503, 69},
		{taskqueue.ErrStopping, 410, 1},
		{errors.New("one\ntwo"), 500, 1},
	} {
		path := serve(t, &api{
			reload: func(context.Context) error { return test.err }, status: status(),
			exitCode: func(error) int { return test.code },
		})
		_, err := control.Client{Socket: path}.Post(t.Context(), RouteReload)
		var refused *control.Error
		want := control.Error{Status: test.status, ExitCode: test.code, Message: test.err.Error()}
		if !errors.As(err, &refused) || *refused != want {
			t.Errorf("%v: got %#v", test.err, err)
		}
		if status, text := post(t, path, RouteReload); status != test.status || text != test.err.Error()+"\n" {
			t.Errorf("%v: an older command reads %d %q", test.err, status, text)
		}
	}
}

func TestAReloadThatSucceeds(t *testing.T) {
	path := serve(t, &api{reload: func(context.Context) error { return nil }, status: status()})
	if _, err := (control.Client{Socket: path}).Post(t.Context(), RouteReload); err != nil {
		t.Error(err)
	}
	if status, text := post(t, path, RouteReload); status != 200 || text != "reloaded\n" {
		t.Errorf("an older command reads %d %q", status, text)
	}
}

// The answer of a check has the notices or the faults, and its status tells a daemon of
// another configuration from one that refuses.
func TestCheck(t *testing.T) {
	refusal := config.Faults{{File: "gordon.toml", Line: 3, Message: "unknown key"}, {File: "gordon.toml", Line: 4, Message: "unknown key"}}
	path := serve(t, &api{
		check: func(_ context.Context, file string) ([]string, error) {
			switch file {
			case "/etc/gordon.toml":
				return []string{"one\x1b[2J", "two"}, nil
			case "/etc/bad & odd.toml":
				return nil, refusal
			default:
				return nil, errOtherConfig
			}
		},
		status: status(), exitCode: func(error) int { return 78 },
	})
	ask := func(file string) (string, error) {
		return control.Client{Socket: path}.Post(t.Context(), RouteCheck+"?"+url.Values{"config": {file}}.Encode())
	}
	if notices, err := ask("/etc/gordon.toml"); err != nil || notices != "one\ufffd[2J\ntwo" {
		t.Errorf("got %q, %v", notices, err)
	}
	var refused *control.Error
	if _, err := ask("/etc/bad & odd.toml"); !errors.As(err, &refused) || refused.Message != refusal.Error() || refused.Status != 422 {
		t.Errorf("got %v", err)
	}
	if _, err := ask("/etc/other.toml"); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("got %v", err)
	}
	if status, text := post(t, path, RouteCheck+"?config=/etc/gordon.toml"); status != 200 || text != "one\x1b[2J\ntwo\n" {
		t.Errorf("an older command reads %d %q", status, text)
	}
}

// A reload has no body, and the daemon does not read a large one.
func TestReloadTakesNoBody(t *testing.T) {
	path := serve(t, &api{reload: never(t), status: status()})
	conn := gordontest.Connect(t, path)
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

// Every route but the known ones is refused, and GET never reloads.
func TestGarbageIsAnsweredOrClosed(t *testing.T) {
	path := serve(t, &api{reload: never(t), status: status()})
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
		conn := gordontest.Connect(t, path)
		_, _ = io.WriteString(conn, request)
		answer, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 "+want)) && !bytes.HasPrefix(answer, []byte("HTTP/1.0 "+want)) {
			t.Errorf("%.60q: %.100q", request, answer)
		}
	}
}
