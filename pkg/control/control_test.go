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
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// After a refusal net/http waits for 500 ms, so that the client can read it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve serves on a socket in a folder of the test's until the test ends.
func serve(t *testing.T, a Actions) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gordon-control")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SocketName)
	s, err := Listen(path, a, discard())
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

func TestReload(t *testing.T) {
	refusal := errors.New("gordon.toml:3: workers: must be at least 1\ngordon.toml:4: unknown key")
	for name, result := range map[string]error{"accepted": nil, "refused": refusal} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			path := serve(t, Actions{
				Reload: func(context.Context) error { calls++; return result },
				Status: http.NotFoundHandler(),
				Code:   func(error) int { return http.StatusUnprocessableEntity },
			})
			err := Reload(t.Context(), path, 0)
			if calls != 1 {
				t.Errorf("%d reloads", calls)
			}
			if result == nil {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var refused *Refused
			if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity || refused.Reason != refusal.Error() {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A check says what the daemon says, and tells a daemon that cannot be asked from one
// that refuses.
func TestCheck(t *testing.T) {
	refusal := errors.New("gordon.toml:3: unknown key\ngordon.toml:4: unknown key")
	path := serve(t, Actions{
		Check: func(_ context.Context, config string) ([]string, error) {
			switch config {
			case "/etc/gordon.toml":
				return []string{"one\x1b[2J", "two"}, nil
			case "/etc/bad & odd.toml":
				return nil, refusal
			default:
				return nil, ErrNotAsked
			}
		},
		Status: http.NotFoundHandler(),
		Code:   func(error) int { return http.StatusUnprocessableEntity },
	})
	if notices, err := Check(t.Context(), path, "/etc/gordon.toml"); err != nil || notices != "one\ufffd[2J\ntwo" {
		t.Errorf("got %q, %v", notices, err)
	}
	var refused *Refused
	if _, err := Check(t.Context(), path, "/etc/bad & odd.toml"); !errors.As(err, &refused) || refused.Reason != refusal.Error() {
		t.Errorf("got %v", err)
	}
	if _, err := Check(t.Context(), path, "/etc/other.toml"); !errors.Is(err, ErrNotAsked) {
		t.Errorf("got %v", err)
	}
}

func TestReloadWithoutADaemon(t *testing.T) {
	err := Reload(t.Context(), filepath.Join(t.TempDir(), "none"), 0)
	var refused *Refused
	if err == nil || errors.As(err, &refused) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestReloadIsNoMatterOfGET(t *testing.T) {
	path := serve(t, Actions{
		Reload: func(context.Context) error { t.Error("reloaded"); return nil },
		Status: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "status") }),
	})
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}
	answer, err := client.Get("http://gordon/reload")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "status" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSocketModeIsTheAccessControl(t *testing.T) {
	path := serve(t, Actions{Status: http.NotFoundHandler()})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != socketMode {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestListenReplacesOnlyWhatADeadDaemonLeft(t *testing.T) {
	living := serve(t, Actions{Status: http.NotFoundHandler()})
	if _, err := Listen(living, Actions{}, discard()); !errors.Is(err, ErrInUse) {
		t.Errorf("a living daemon's socket: %v", err)
	}

	dead := filepath.Join(filepath.Dir(living), "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s, err := Listen(dead, Actions{Status: http.NotFoundHandler()}, discard())
	if err != nil {
		t.Fatalf("a dead daemon's socket: %v", err)
	}
	s.Close()

	file := filepath.Join(filepath.Dir(living), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, Actions{}, discard()); err == nil {
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
