package gordontest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Daemon is a running gordon.
type Daemon struct {
	t   testing.TB
	cmd *exec.Cmd
	out *buffer
	// Gone is closed when the process has ended.
	Gone chan struct{}
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

// Run starts gordon and returns at once. The end of the test kills it. If the test has
// failed, its output is logged.
func (s *Site) Run(env []string, args ...string) *Daemon {
	s.T.Helper()
	d := &Daemon{t: s.T, out: &buffer{}, Gone: make(chan struct{})}
	d.cmd = exec.Command(s.Binary, append([]string{"-conf", s.File("gordon.toml"), "-verbose"}, args...)...)
	// The race detector would have gordon sleep for 1 s before it exits.
	d.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	d.cmd.WaitDelay = time.Second // leftover scripts may keep the output open
	launch := s.Launch
	if launch == nil {
		launch = (*exec.Cmd).Start
	}
	if err := launch(d.cmd); err != nil {
		s.T.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait() // read from ProcessState
		close(d.Gone)
	}()
	s.T.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.Gone
		if s.T.Failed() {
			s.T.Logf("gordon printed:\n%s", d.Printed())
		}
	})
	return d
}

// Start starts gordon and returns when it is up.
func (s *Site) Start(args ...string) *Daemon {
	s.T.Helper()
	d := s.Run(nil, args...)
	d.Says("gordon is up")
	return d
}

// Printed is all that gordon has printed.
func (d *Daemon) Printed() string { return d.out.String() }

// Says waits until gordon has printed text.
func (d *Daemon) Says(text string) {
	d.t.Helper()
	Until(d.t, fmt.Sprintf("gordon prints %q", text), func() bool { return strings.Contains(d.Printed(), text) })
}

// Signal sends sig.
func (d *Daemon) Signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// Exit waits for the end and returns the exit code, -1 after a signal.
func (d *Daemon) Exit() int {
	d.t.Helper()
	select {
	case <-d.Gone:
	case <-time.After(untilTimeout):
		d.t.Fatal("gordon does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// Stop stops gordon in an orderly way.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		d.t.Errorf("exit code %d", code)
	}
}

// Reload sends SIGHUP and waits until gordon has printed text n times.
func (d *Daemon) Reload(text string, n int) {
	d.t.Helper()
	d.Signal(syscall.SIGHUP)
	Until(d.t, "the reload is over", func() bool { return strings.Count(d.Printed(), text) >= n })
}

// PID is the number of gordon's process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }
