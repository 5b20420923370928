package daemontest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// stopsAtOnce stops a daemon, which may not wait for anything that blocks.
func stopsAtOnce(t *testing.T, d *gordontest.Daemon) {
	t.Helper()
	began := time.Now()
	d.Stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

// Whatever a configuration names may be on a file system that does not answer. Tasks
// go on, the daemon can be told to stop, and a configuration that no longer names it
// takes effect.
func TestReloadOnADeadFileSystem(t *testing.T) {
	t.Parallel()
	dead, _ := gordontest.DeadFolder(t)
	for name, broken := range map[string]string{
		"logfile":       fmt.Sprintf("logfile = %q\n", dead+"/gordon.log"),
		"error_script":  fmt.Sprintf("error_script = %q\n", dead+"/script"),
		"temp_dir":      fmt.Sprintf("temp_dir = %q\n", dead+"/tmp"),
		"script":        fmt.Sprintf("[tasks.X]\nscript = %q\n", dead+"/script"),
		"password_file": fmt.Sprintf("[redis]\npassword_file = %q\n", dead+"/password"),
		"certificate":   fmt.Sprintf("[stats]\ninterface = \"127.0.0.1:0\"\ntls_cert_file = %q\ntls_key_file = %q\n", dead+"/c", dead+"/k"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Script("T", `echo "$1" >>"$D/done"`)
			s.Configure(s.Task("T", 1))
			d := s.Start()
			good := s.Read("gordon.toml")
			if strings.HasPrefix(broken, "[") {
				s.Write("gordon.toml", "start_timeout = \"1m\"\n"+good+broken)
			} else {
				s.Write("gordon.toml", "start_timeout = \"1m\"\n"+broken+good)
			}
			d.Signal(syscall.SIGHUP)
			s.server.Push(t, "q:T", gordontest.Numbered(1))
			gordontest.Until(t, "tasks run during the reload", func() bool { return s.Read("done") == "1\n" })
			stopsAtOnce(t, d)
		})
	}
}

func TestAReloadThatHangsEndsByItself(t *testing.T) {
	t.Parallel()
	dead, _ := gordontest.DeadFolder(t)
	s := newSite(t)
	s.Script("T", `echo "$1" >>"$D/done"`)
	s.Configure(s.Task("T", 1))
	d := s.Start()
	good := s.Read("gordon.toml")
	s.Write("gordon.toml", "start_timeout = \"200ms\"\n"+good+fmt.Sprintf("[tasks.X]\nscript = %q\n", dead+"/script"))
	d.Reload("reload failed", 1)
	if !strings.Contains(d.Printed(), "does not answer") || !strings.Contains(d.Printed(), "start_timeout expired") {
		t.Error("the log does not say why")
	}
	s.Write("gordon.toml", good)
	d.Reload("reloaded", 1)
	stopsAtOnce(t, d)
}

// At the start nothing is there yet that could stop in order.
func TestStopOfAStartThatHangs(t *testing.T) {
	t.Parallel()
	dead, _ := gordontest.DeadFolder(t)
	for name, more := range map[string]string{
		"drop-in": "", "logfile": fmt.Sprintf("logfile = %q\n", dead+"/log"),
		"certificate": fmt.Sprintf("[stats]\ninterface = \"127.0.0.1:0\"\ntls_cert_file = %q\ntls_key_file = %q\n", dead+"/c", dead+"/k"),
		"script":      fmt.Sprintf("start_timeout = \"1m\"\n[tasks.X]\nscript = %q\n", dead+"/script"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Configure(more)
			if name == "drop-in" {
				if err := errors.Join(os.Mkdir(s.File("gordon.d"), 0o755), os.Symlink(dead+"/a.toml", s.File("gordon.d/a.toml"))); err != nil {
					t.Fatal(err)
				}
			}
			d := s.Run(nil)
			gordontest.Until(t, "it waits for the file system", func() bool { return waitsForFUSE(d) })
			stopsAtOnce(t, d)
		})
	}
}

// waitsForFUSE reports whether a thread of the daemon waits for an answer.
func waitsForFUSE(d *gordontest.Daemon) bool {
	stacks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", d.PID()))
	for _, path := range stacks {
		if where, err := os.ReadFile(path); err == nil && bytes.Contains(where, []byte("fuse")) {
			return true
		}
	}
	return false
}

// A FIFO without a reader is no logfile, and one whose reader has stopped delays
// neither tasks nor a stop.
func TestFIFOAsLogfile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", `echo "$1" >>"$D/done"`)
	fifo := s.File("fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Configure(s.Task("T", 1))
	d := s.Start()
	good := s.Read("gordon.toml")
	s.Write("gordon.toml", fmt.Sprintf("logfile = %q\n", fifo)+good)
	d.Reload("reload failed", 1)
	if !strings.Contains(d.Printed(), "no process has this FIFO open for reading") {
		t.Error("the log does not say why")
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := unix.FcntlInt(reader.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil { // full after a few lines
		t.Fatal(err)
	}
	d.Signal(syscall.SIGHUP)
	for i := range 100 {
		s.server.Push(t, "q:T", gordontest.Numbered(i))
	}
	gordontest.Until(t, "all have run", func() bool { return strings.Count(s.Read("done"), "\n") == 100 })
	stopsAtOnce(t, d)
}

func TestCheckOfAFIFO(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "check", fifo)
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 78 || !strings.Contains(string(out), "it is not a regular file") {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
}
