// Package daemontest runs the real binary as a process, on a real Redis: what
// has to hold when processes die, signals come and Redis goes away.
package daemontest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	binary string
	server *redistest.Server
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gordon-binary")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "gordon")
	build := exec.Command("go", "build", "-race", "-o", binary, "github.com/nevsnode/gordon/v2/cmd/gordon")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build gordon: %v\n%s", err, out)
		os.Exit(1)
	}
	code := redistest.Main(m, func(s *redistest.Server) { server = s })
	os.RemoveAll(dir)
	os.Exit(code)
}

// site is a folder with a configuration and scripts.
type site struct {
	t      *testing.T
	dir    string
	socket string
}

func newSite(t *testing.T) *site {
	t.Helper()
	server.Flush(t)
	return &site{t: t, dir: t.TempDir(), socket: server.Socket}
}

func (s *site) file(name string) string { return filepath.Join(s.dir, name) }

func (s *site) read(name string) string {
	content, err := os.ReadFile(s.file(name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(content)
}

func (s *site) lines(name string) []string { return strings.Fields(s.read(name)) }

func (s *site) write(name, content string) {
	s.t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	// Written beside and renamed: a script that is being written cannot be run.
	if err := os.WriteFile(s.file(name+".new"), []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.file(name+".new"), s.file(name)); err != nil {
		s.t.Fatal(err)
	}
}

// script writes a shell script; $D is the site's folder.
func (s *site) script(name, body string) {
	s.write(name, "#!/bin/sh\nD='"+s.dir+"'\n"+body+"\n")
}

// configure writes gordon.toml: the Redis and what is given.
func (s *site) configure(more string) {
	s.write("gordon.toml", fmt.Sprintf("redis_network = \"unix\"\nredis_address = %q\nqueue_key = \"q\"\nfailed_tasks_ttl = 3600\n%s\n", s.socket, more))
}

// task is a table of the configuration.
func (s *site) task(name string, workers int) string {
	return fmt.Sprintf("[tasks.%s]\nscript = %q\nworkers = %d\n", name, s.file(name+".sh"), workers)
}

// daemon is a running gordon.
type daemon struct {
	t   *testing.T
	cmd *exec.Cmd
	out *buffer
	// gone is closed when the process has ended.
	gone chan struct{}
}

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// run starts gordon and returns at once.
func (s *site) run(env []string, args ...string) *daemon {
	s.t.Helper()
	d := &daemon{t: s.t, out: &buffer{}, gone: make(chan struct{})}
	d.cmd = exec.Command(binary, append([]string{"-conf", s.file("gordon.toml"), "-verbose"}, args...)...)
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	d.cmd.WaitDelay = time.Second // leftover scripts may keep the output open
	if err := d.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait() // read from ProcessState
		close(d.gone)
	}()
	s.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.gone
		if s.t.Failed() {
			s.t.Logf("gordon printed:\n%s", d.out)
		}
	})
	return d
}

// start starts gordon and returns when it is up.
func (s *site) start(args ...string) *daemon {
	s.t.Helper()
	d := s.run(nil, args...)
	d.says("gordon is up")
	return d
}

// says waits until gordon has printed text.
func (d *daemon) says(text string) {
	d.t.Helper()
	until(d.t, fmt.Sprintf("gordon prints %q", text), func() bool { return strings.Contains(d.out.String(), text) })
}

func (d *daemon) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code, -1 after a signal.
func (d *daemon) exit() int {
	d.t.Helper()
	select {
	case <-d.gone:
	case <-time.After(30 * time.Second):
		d.t.Fatal("gordon does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// reload sends SIGHUP and waits until gordon has printed text n times.
func (d *daemon) reload(text string, n int) {
	d.t.Helper()
	d.signal(syscall.SIGHUP)
	until(d.t, "the reload is over", func() bool { return strings.Count(d.out.String(), text) >= n })
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// numbered is the entry whose only argument is n.
func numbered(n int) string {
	raw, err := json.Marshal(map[string]any{"args": []string{fmt.Sprint(n)}})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// leftInRedis lists all keys that a daemon which has ended must not leave.
func leftInRedis(t *testing.T, s *redistest.Server) []string {
	t.Helper()
	return s.Keys(t, "q:*")
}
