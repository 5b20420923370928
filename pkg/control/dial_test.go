package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fake answers the first connection to a socket with this text.
func fake(t *testing.T, answer string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1<<10))
		_, _ = io.WriteString(conn, answer)
	}()
	return path
}

// A script can answer in the daemon's place, and root prints what it says.
func TestWhatComesFromTheSocketIsSafeToPrint(t *testing.T) {
	for name, answer := range map[string]string{
		"body":      "HTTP/1.1 422 x\r\n\r\n\x1b]0;title\x07\x1b[2J\u009b1mfault\nsecond\r\x00\xff",
		"status":    "HTTP/1.1 \x1b[2Jx y\r\n\r\n",
		"header":    "HTTP/1.1 200 OK\r\n\x1b[2J: x\r\n\r\n",
		"no answer": "\x1b[2J\n",
		"redirect":  "HTTP/1.1 307 x\r\nLocation: http://\x1b[2J/\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			err := Reload(t.Context(), fake(t, answer), 0)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("got %q", err.Error())
			}
		})
	}
}

func TestAnswerIsBounded(t *testing.T) {
	err := Reload(t.Context(), fake(t, "HTTP/1.1 422 x\r\n\r\n"+strings.Repeat("x", 4*maxAnswer)), 0)
	var refused *Refused
	if !errors.As(err, &refused) || len(refused.Reason) != maxAnswer {
		t.Errorf("got %d bytes", len(err.Error()))
	}
	err = Reload(t.Context(), fake(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 4*maxHeaderBytes)+"\r\n\r\n"), 0)
	if err == nil {
		t.Error("a large header is accepted")
	}
}

// To follow a link would have root say something to a service that listens to root
// alone.
func TestOnlyTheSocketItselfIsConnectedTo(t *testing.T) {
	living := serve(t, Actions{
		Reload: func(context.Context) error { t.Error("reloaded"); return nil },
		Status: http.NotFoundHandler(),
	})
	link := filepath.Join(t.TempDir(), SocketName)
	if err := os.Symlink(living, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), SocketName)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, file, filepath.Dir(file)} {
		if err := Reload(t.Context(), path, 0); !errors.Is(err, ErrNotTheDaemon) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	// The socket of another user than the one who answers.
	if err := os.Chown(living, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := Reload(t.Context(), living, 0); !errors.Is(err, ErrNotTheDaemon) || !strings.Contains(err.Error(), "socket of user 12345") {
		t.Errorf("got %v", err)
	}
}

// systemd tells a reload of the unit which process the daemon is.
func TestOnlyTheDaemonIsAsked(t *testing.T) {
	var reloads int
	path := serve(t, Actions{
		Reload: func(context.Context) error { reloads++; return nil },
		Status: http.NotFoundHandler(),
	})
	if err := Reload(t.Context(), path, os.Getpid()); err != nil {
		t.Errorf("got %v", err)
	}
	want := fmt.Sprintf("process %d answers, and the daemon is process %d", os.Getpid(), os.Getppid())
	if err := Reload(t.Context(), path, os.Getppid()); !errors.Is(err, ErrNotTheDaemon) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if reloads != 1 {
		t.Errorf("%d reloads", reloads)
	}
}

// Nobody who has gone gets a reload: systemd has given up, and reported that it failed.
func TestTheEndOfTheClientEndsTheReload(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	path := serve(t, Actions{
		Reload: func(ctx context.Context) error {
			close(begun)
			select {
			case <-ctx.Done():
				ended <- nil
			case <-time.After(30 * time.Second):
				ended <- errors.New("it goes on")
			}
			return ctx.Err()
		},
		Status: http.NotFoundHandler(), Code: func(error) int { return 500 },
	})
	conn := connect(t, path)
	if _, err := io.WriteString(conn, "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := errors.Join(conn.Close(), <-ended); err != nil {
		t.Error(err)
	}
}

// Another unit with the same runtime directory, or a cleaner, may remove it.
func TestASocketThatIsGoneIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, SocketName)
	a := Actions{Reload: func(context.Context) error { return nil }, Status: http.NotFoundHandler()}
	s, err := Listen(path, a, discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	if err := errors.Join(s.Renew(), Reload(t.Context(), path, 0)); err != nil {
		t.Fatalf("while it is there: %v", err)
	}
	for name, remove := range map[string]func() error{
		"file":   func() error { return os.Remove(path) },
		"folder": func() error { return os.RemoveAll(dir) },
		// as a daemon leaves it that was killed
		"replaced": func() error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + "2", Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return errors.Join(l.Close(), os.Rename(path+"2", path))
		},
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if err := Reload(t.Context(), path, 0); err == nil {
			t.Errorf("%s: it is still there", name)
		}
		if err := errors.Join(s.Renew(), Reload(t.Context(), path, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is somebody else's stays, also at the end.
	other := filepath.Join(dir, "other")
	l, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(); !errors.Is(err, ErrInUse) {
		t.Errorf("another's socket: %v", err)
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	} else {
		conn.Close()
	}
	if err := s.Renew(); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Lstat(path); errors.Is(err, syscall.ENOENT) {
		t.Error("gone")
	}
}
