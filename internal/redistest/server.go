// Package redistest gives tests a real redis-server on a private unix socket, a
// proxy in front of it that loses connections at chosen moments, and servers with
// replicas that sentinels look after.
//
// It owns processes and sockets for tests; nothing that ships imports it.
package redistest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"
)

// Server is a redis-server process with a folder of its own, or one of the program
// that GORDON_TEST_REDIS names, such as valkey-server.
type Server struct {
	// Socket is the path of its unix socket.
	Socket string
	dir    string
	args   []string
	cmd    *exec.Cmd
}

// Main starts a server, passes it to use, runs the tests, and stops it. It is for TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(redistest.Main(m, func(s *redistest.Server) { server = s })) }
//
// A missing redis-server fails the tests: a skipped test shows nothing.
func Main(m *testing.M, use func(*Server)) int {
	s, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(s)
	code := m.Run()
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// MainWithoutLeaks is Main, and fails when a goroutine has outlived the tests.
func MainWithoutLeaks(m *testing.M, use func(*Server)) int {
	code := Main(m, use)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Start starts a server with extra redis.conf arguments ("--appendonly", "yes").
// It keeps nothing on disk unless they say so.
func Start(args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "gordon-redis")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, Socket: filepath.Join(dir, "s"), args: args}
	if err := s.Launch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Await(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// New starts a server that ends with the test; see [Start].
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := Start(args...)
	return s.until(t, err)
}

// until ties a server that was started to a test.
func (s *Server) until(t testing.TB, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Dir is the server's folder ("dir" of its configuration).
func (s *Server) Dir() string { return s.dir }

// Args adds redis.conf arguments from the next start on.
func (s *Server) Args(args ...string) { s.args = append(s.args, args...) }

// Boot starts the process, also again after Kill or Shutdown, and returns when
// it answers, its data loaded.
func (s *Server) Boot() error { return errors.Join(s.Launch(), s.Await()) }

// Launch starts the process, also again after Kill or Shutdown, and does not
// wait for it.
func (s *Server) Launch() error {
	args := append([]string{
		"--port", "0", "--unixsocket", s.Socket, "--dir", s.dir, "--save", "", "--logfile", filepath.Join(s.dir, "log"),
		"--enable-debug-command", "yes",
	}, s.args...)
	return s.launch(args...)
}

func (s *Server) launch(args ...string) error {
	program := cmp.Or(os.Getenv("GORDON_TEST_REDIS"), "redis-server")
	s.cmd = exec.Command(program, args...)
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s (on Debian: apt-get install redis-server): %w", program, err)
	}
	return nil
}

// Await returns when the server answers, its data loaded.
func (s *Server) Await() error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := s.ping()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("redis-server does not answer: %w\n%s", err, log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *Server) ping() error {
	c, err := redis.Dial("unix", s.Socket)
	if err != nil {
		return err
	}
	_, err = c.Do("PING")
	return errors.Join(err, c.Close())
}

// Signal sends sig to the server: SIGSTOP and SIGCONT make it slow.
func (s *Server) Signal(sig syscall.Signal) error { return s.cmd.Process.Signal(sig) }

// Kill ends the process as a crash would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Shutdown ends the process in an orderly way.
func (s *Server) Shutdown() error { return s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) error {
	if err := s.Signal(sig); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return os.RemoveAll(s.Socket) // an orderly end has removed it already
}

// Close ends the process and removes its folder.
func (s *Server) Close() error {
	_ = s.Signal(syscall.SIGCONT)
	_ = s.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait() // its exit status is that of the kill
	return os.RemoveAll(s.dir)
}

// Flush empties the server for the next test.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	s.Do(t, "FLUSHALL")
}

// Do sends one command on a connection of its own.
func (s *Server) Do(t testing.TB, name string, args ...any) any {
	t.Helper()
	c, err := redis.Dial("unix", s.Socket)
	if err != nil {
		t.Fatalf("connect to the test's redis: %v", err)
	}
	defer c.Close()
	reply, err := c.Do(name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return reply
}

// Conn returns a connection that ends with the test. It stays authenticated when the
// server starts to require a password.
func (s *Server) Conn(t testing.TB) redis.Conn {
	t.Helper()
	c, err := redis.Dial("unix", s.Socket)
	if err != nil {
		t.Fatalf("connect to the test's redis: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Push appends entries to a list, each with a command of its own, as a producer does.
func (s *Server) Push(t testing.TB, list string, entries ...string) {
	t.Helper()
	c, err := redis.Dial("unix", s.Socket)
	if err != nil {
		t.Fatalf("connect to the test's redis: %v", err)
	}
	defer c.Close()
	for _, e := range entries {
		if _, err := c.Do("RPUSH", list, e); err != nil {
			t.Fatalf("RPUSH %s: %v", list, err)
		}
	}
}

// List returns the elements of a list.
func (s *Server) List(t testing.TB, list string) []string {
	t.Helper()
	values, err := redis.Strings(s.Do(t, "LRANGE", list, 0, -1), nil)
	if err != nil {
		t.Fatalf("LRANGE %s: %v", list, err)
	}
	return values
}

// Keys returns the names of all keys that match pattern.
func (s *Server) Keys(t testing.TB, pattern string) []string {
	t.Helper()
	values, err := redis.Strings(s.Do(t, "KEYS", pattern), nil)
	if err != nil {
		t.Fatalf("KEYS %s: %v", pattern, err)
	}
	return values
}

// WaitBlocked waits until n clients of the server are blocked. It reports a
// failure and returns when that takes too long, so that goroutines may use it.
func WaitBlocked(t testing.TB, s *Server, n int) {
	t.Helper()
	want := fmt.Sprintf("blocked_clients:%d\r\n", n)
	deadline := time.Now().Add(60 * time.Second)
	for {
		info, err := redis.String(s.Do(t, "INFO", "clients"), nil)
		if err == nil && strings.Contains(info, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("not %d blocked clients after 10 s:\n%s", n, info)
			return
		}
		time.Sleep(time.Millisecond)
	}
}
