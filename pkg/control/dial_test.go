package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
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

// A script can answer in the daemon's place, and root prints the answer.
func TestWhatComesFromTheSocketIsSafeToPrint(t *testing.T) {
	for name, answer := range map[string]string{
		"body":      "HTTP/1.1 422 x\r\n\r\n\x1b]0;title\x07\x1b[2J\u009b1mfault\nsecond\r\x00\xff",
		"json":      "HTTP/1.1 422 x\r\nContent-Type: application/json\r\n\r\n" + `{"error":"\u001b[2J\u009b1m","exit_code":0}`,
		"status":    "HTTP/1.1 \x1b[2Jx y\r\n\r\n",
		"header":    "HTTP/1.1 200 OK\r\n\x1b[2J: x\r\n\r\n",
		"no answer": "\x1b[2J\n",
		"redirect":  "HTTP/1.1 307 x\r\nLocation: http://\x1b[2J/\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			err := reload(t, fake(t, answer))
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
	err := reload(t, fake(t, "HTTP/1.1 422 x\r\n\r\n"+strings.Repeat("x", 4*maxAnswer)))
	var refused *Error
	if !errors.As(err, &refused) || len(refused.Message) != maxMessage {
		t.Errorf("got %d bytes", len(err.Error()))
	}
	err = reload(t, fake(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 4*maxHeaderBytes)+"\r\n\r\n"))
	if err == nil {
		t.Error("a large header is accepted")
	}
}

// Following a link would send a request of root to a service that obeys root
// alone.
func TestOnlyTheSocketItselfIsConnectedTo(t *testing.T) {
	living := serve(t, reloads(never(t)))
	link := filepath.Join(t.TempDir(), SocketName)
	if err := os.Symlink(living, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), SocketName)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, file, filepath.Dir(file)} {
		if err := reload(t, path); !errors.Is(err, ErrNotTheDaemon) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	// The socket belongs to another user than the process that answers.
	if err := os.Chown(living, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := reload(t, living); !errors.Is(err, ErrNotTheDaemon) || !strings.Contains(err.Error(), "socket belongs to user 12345") {
		t.Errorf("got %v", err)
	}
}

// During a reload by systemd, $MAINPID is the pid of the daemon.
func TestOnlyTheDaemonIsAsked(t *testing.T) {
	var calls int
	path := serve(t, reloads(func(context.Context) error { calls++; return nil }))
	ask := func(pid int) error {
		_, err := Client{Socket: path, PID: pid}.Post(t.Context(), "/reload")
		return err
	}
	if err := ask(os.Getpid()); err != nil {
		t.Errorf("got %v", err)
	}
	want := fmt.Sprintf("process %d is listening, but the daemon is process %d", os.Getpid(), os.Getppid())
	if err := ask(os.Getppid()); !errors.Is(err, ErrNotTheDaemon) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if calls != 1 {
		t.Errorf("%d reloads", calls)
	}
}

// A reload ends with its client: systemd has given up, and reported that it failed.
func TestTheEndOfTheClientEndsTheReload(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	path := serve(t, reloads(func(ctx context.Context) error {
		close(begun)
		select {
		case <-ctx.Done():
			ended <- nil
		case <-time.After(30 * time.Second):
			ended <- errors.New("it goes on")
		}
		return ctx.Err()
	}))
	conn := gordontest.Connect(t, path)
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
	s, err := Listen(path, reloads(func(context.Context) error { return nil }), discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	if err := errors.Join(s.Renew(), reload(t, path)); err != nil {
		t.Fatalf("while it is there: %v", err)
	}
	for name, remove := range map[string]func() error{
		"file":   func() error { return os.Remove(path) },
		"folder": func() error { return os.RemoveAll(dir) },
		// the socket of a daemon that was killed
		"replaced": func() error {
			gordontest.DeadSocket(t, path+"2")
			return os.Rename(path+"2", path)
		},
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if err := reload(t, path); err == nil {
			t.Errorf("%s: it is still there", name)
		}
		if err := errors.Join(s.Renew(), reload(t, path)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The socket of another process stays, also at the end.
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
