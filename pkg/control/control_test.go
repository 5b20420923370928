package control

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

func TestMain(m *testing.M) {
	// After a refusal net/http waits for 500 ms, so that the client can read it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve serves on a socket in a folder of the test until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-control")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SocketName)
	s, err := Listen(path, h, discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
		os.RemoveAll(dir)
	})
	return path
}

// reloads is a handler that answers POST /reload with the result of f, and every GET
// with the text "status".
func reloads(f func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		if err := f(r.Context()); err != nil {
			WriteError(w, r, &Error{Status: http.StatusUnprocessableEntity, ExitCode: 78, Message: err.Error()})
			return
		}
		_, _ = io.WriteString(w, "reloaded")
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "status") })
	return mux
}

// never is a reload that must not happen.
func never(t *testing.T) func(context.Context) error {
	return func(context.Context) error { t.Error("reloaded"); return nil }
}

func reload(t *testing.T, path string) error {
	t.Helper()
	_, err := Client{Socket: path}.Post(t.Context(), "/reload")
	return err
}

func TestPost(t *testing.T) {
	refusal := errors.New("gordon.toml:3: workers: must be at least 1\ngordon.toml:4: unknown key")
	for name, result := range map[string]error{"accepted": nil, "refused": refusal} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			path := serve(t, reloads(func(context.Context) error { calls++; return result }))
			answer, err := Client{Socket: path}.Post(t.Context(), "/reload")
			if calls != 1 {
				t.Errorf("%d reloads", calls)
			}
			if result == nil {
				if err != nil || answer != "reloaded" {
					t.Errorf("got %q, %v", answer, err)
				}
				return
			}
			var refused *Error
			want := Error{Status: http.StatusUnprocessableEntity, ExitCode: 78, Message: refusal.Error()}
			if !errors.As(err, &refused) || *refused != want {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// The command of an older gordon asks for nothing in particular, prints the body as it
// is, and reads the status.
func TestAnErrorForAnOlderClientIsText(t *testing.T) {
	path := serve(t, reloads(func(context.Context) error { return errors.New("one\ntwo") }))
	answer, err := plainClient(path).Post("http://gordon/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "one\ntwo\n" || answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d %q, %v", answer.StatusCode, text, err)
	}
}

// The longest message fits into an answer that the client reads, whatever is in it.
func TestALongMessageIsCut(t *testing.T) {
	message := strings.Repeat("\x01", 2*maxMessage)
	path := serve(t, reloads(func(context.Context) error { return errors.New(message) }))
	var refused *Error
	want := strings.Repeat("\ufffd", maxMessage)
	if err := reload(t, path); !errors.As(err, &refused) || refused.Message != want || refused.ExitCode != 78 {
		t.Errorf("got %.100q", err)
	}
}

func plainClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}
}

func TestPostWithoutADaemon(t *testing.T) {
	err := reload(t, filepath.Join(t.TempDir(), "none"))
	var refused *Error
	if err == nil || errors.As(err, &refused) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSocketModeIsTheAccessControl(t *testing.T) {
	path := serve(t, http.NotFoundHandler())
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != socketMode {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestListenReplacesOnlyWhatADeadDaemonLeft(t *testing.T) {
	living := serve(t, http.NotFoundHandler())
	if _, err := Listen(living, http.NotFoundHandler(), discard()); !errors.Is(err, ErrInUse) {
		t.Errorf("a living daemon's socket: %v", err)
	}

	dead := filepath.Join(filepath.Dir(living), "dead")
	gordontest.DeadSocket(t, dead)
	s, err := Listen(dead, http.NotFoundHandler(), discard())
	if err != nil {
		t.Fatalf("a dead daemon's socket: %v", err)
	}
	s.Close()

	file := filepath.Join(filepath.Dir(living), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, http.NotFoundHandler(), discard()); err == nil {
		t.Error("a file was replaced")
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "mine" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestSocketPath(t *testing.T) {
	for dir, want := range map[string]string{
		"": "", "/run/gordon": "/run/gordon/control.sock", "/run/a:/run/b": "/run/a/control.sock",
	} {
		if got := SocketPath(dir); got != want {
			t.Errorf("%q gives %q", dir, got)
		}
	}
}
