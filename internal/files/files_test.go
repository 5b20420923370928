package files

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// in fails the test if f does not return soon.
func in(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range []string{fifo, socket, "/dev/zero", "/dev/ptmx"} {
		in(t, func() {
			if _, err := Read(path, 10); !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s: got %v", path, err)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path, 10); err != nil || string(got) != "0123456789" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Read(path, 9); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v", err)
	}
	if got, err := Read("/dev/null", 10); err != nil || len(got) != 0 {
		t.Errorf("/dev/null: got %q, %v", got, err)
	}
	if _, err := Read(filepath.Dir(path), 10); !errors.Is(err, unix.EISDIR) {
		t.Errorf("a folder: got %v", err)
	}
	if _, err := Read(path+"x", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A call that hangs keeps its place, so that a dead file system takes no more threads than
// there are places.
func TestWithinDoesNotWaitForADeadFileSystem(t *testing.T) {
	dir, heal := gordontest.DeadFolder(t)
	calls := NewCalls(2)
	for range 4 { // twice as often as there are places
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		in(t, func() {
			_, err := Within(ctx, calls, func() ([]byte, error) { return Read(filepath.Join(dir, "file"), 10) }, nil)
			if !errors.Is(err, ErrHangs) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		cancel()
	}
	if len(calls) != 2 {
		t.Errorf("%d calls hang", len(calls))
	}
	heal() // wakes all of them, and gives their places back
	in(t, func() {
		if _, err := Within(t.Context(), calls, func() ([]byte, error) { return Read("/dev/null", 1) }, nil); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// A value that comes too late is dropped exactly once.
func TestWithinDropsWhatComesTooLate(t *testing.T) {
	calls := NewCalls(1)
	var received, dropped int
	for range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		_, err := Within(ctx, calls, func() (int, error) {
			cancel()
			return 1, nil
		}, func(int) {
			dropped++
			close(over)
		})
		if err == nil {
			received++
			continue
		}
		<-over
	}
	if received+dropped != 1000 {
		t.Errorf("%d received, %d dropped", received, dropped)
	}
}
