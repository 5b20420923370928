package output

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// prepared calls Prepare, and fails the test if it blocks.
func prepared(t *testing.T, s *Sink, logfile string) (*Change, error) {
	t.Helper()
	type result struct {
		change *Change
		err    error
	}
	done := make(chan result, 1)
	go func() {
		c, err := s.Prepare(logfile)
		done <- result{c, err}
	}()
	select {
	case r := <-done:
		return r.change, r.err
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: it waits", logfile)
		return nil, nil
	}
}

// A FIFO is a logfile while a process reads it. Neither open(2) nor a reader that has
// stopped blocks the log.
func TestFIFOAsLogfile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := openFile(t, filepath.Join(dir, "gordon.log"))
	if _, err := prepared(t, s, fifo); !errors.Is(err, ErrNoReader) || !strings.Contains(err.Error(), fifo) {
		t.Errorf("without a reader: got %v", err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c, err := prepared(t, s, fifo)
	if err != nil {
		t.Fatal(err)
	}
	c.Commit()
	s.Logger().Info("into the FIFO")
	buf := make([]byte, 200)
	if n, err := reader.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "into the FIFO") {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 { // more than a pipe takes
			s.Logger().Info(strings.Repeat("x", 5000))
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("it waits for the reader")
	}
}

func TestSocketIsNoLogfile(t *testing.T) {
	s, _ := openFile(t, filepath.Join(t.TempDir(), "gordon.log"))
	path := filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if _, err := prepared(t, s, path); !errors.Is(err, ErrNotLogfile) || !strings.Contains(err.Error(), "remove logfile") {
		t.Errorf("got %v", err)
	}
}

// Under systemd and in many containers standard output is a socket, which cannot be
// opened by its name.
func TestStandardOutputAsLogfile(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/stderr", link); err != nil {
		t.Fatal(err)
	}
	for logfile, of := range map[string]string{
		"/dev/stdout": "stdout", "/dev/fd/1": "stdout", "/proc/self/fd/1": "stdout", "/dev/../dev/stdout": "stdout",
		"/dev/stderr": "stderr", "/proc/thread-self/fd/2": "stderr", link: "stderr",
	} {
		t.Run(logfile, func(t *testing.T) {
			out, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			here, there := os.NewFile(uintptr(out[0]), "socket"), os.NewFile(uintptr(out[1]), "socket")
			defer there.Close()
			_, other := pipe(t)
			o := Options{Logfile: logfile, Stdout: here, Stderr: other, Getenv: noEnv}
			if of == "stderr" {
				o.Stdout, o.Stderr = other, here
			}
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a reload keeps it
				c, err := prepared(t, s, logfile)
				if err != nil {
					t.Fatal(err)
				}
				c.Commit()
			}
			s.Logger().Info("to the socket")
			if err := errors.Join(s.Close(), here.Close()); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 200)
			if n, err := there.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "to the socket") {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		})
	}
}

// If it is a stream to the journal, the journal gets all fields.
func TestJournalAsLogfile(t *testing.T) {
	_, out := pipe(t)
	_, errs := pipe(t)
	s, err := Open(Options{Logfile: "/dev/stdout", Stdout: out, Stderr: errs, Getenv: func(string) string { return stream(t, out) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.dest.(*bounded).destination.(*journald); !ok {
		t.Errorf("it logs to %T", s.dest.(*bounded).destination)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
