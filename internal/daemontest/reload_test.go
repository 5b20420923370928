package daemontest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// A bad configuration is refused whole, with every fault, and the old one goes
// on.
func TestReloadOfABadConfigIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", `echo "$1" >>"$D/done"`)
	s.Script("U", `echo "$1" >>"$D/done"`)
	s.Configure(s.Task("T", 1))
	d := s.Start()
	s.Configure(s.Task("T", 4) + s.Task("U", 1) + "[tasks.V]\nworkrs = 2\nscript = 3\n")
	d.Reload("reload failed", 1)
	for _, part := range []string{"gordon.toml", "workrs", "did you mean", "workers", "script"} {
		if !strings.Contains(d.Printed(), part) {
			t.Errorf("the log does not name %q", part)
		}
	}
	s.server.Push(t, "q:U", gordontest.Numbered(2))
	s.server.Push(t, "q:T", gordontest.Numbered(1))
	gordontest.Until(t, "the old configuration goes on", func() bool { return s.Read("done") == "1\n" })
	if diff := cmp.Diff([]string{gordontest.Numbered(2)}, s.server.List(t, "q:U")); diff != "" {
		t.Errorf("a part of the refused configuration took effect: %s", diff)
	}
	s.Configure(s.Task("T", 1) + s.Task("U", 1))
	d.Reload("reloaded", 1)
	gordontest.Until(t, "the mended configuration counts", func() bool { return s.Read("done") == "1\n2\n" })
}

// What cannot be prepared refuses the reload as well: nothing was changed.
func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"logfile":         "logfile = \"/nonexistent/gordon.log\"\n",
		"stats interface": "[stats]\ninterface = \"203.0.113.1:1\"\n",
		"redis":           "start_timeout = \"100ms\"\n",
		"limit":           "[tasks.W]\nscript = \"/bin/true\"\nmemory_max = \"64M\"\n", // no test has a control group
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Script("T", `echo "$1" >>"$D/done"`)
			s.Script("U", `echo "$1" >>"$D/done"`)
			s.Configure(s.Task("T", 1))
			d := s.Start()
			if name == "redis" {
				s.Redis = gordontest.Unix("/nonexistent/redis")
			}
			s.Configure(bad + s.Task("T", 1) + s.Task("U", 1))
			d.Reload("reload failed", 1)
			s.server.Push(t, "q:U", gordontest.Numbered(2))
			s.server.Push(t, "q:T", gordontest.Numbered(1))
			gordontest.Until(t, "the old configuration goes on", func() bool { return s.Read("done") == "1\n" })
			if diff := cmp.Diff([]string{gordontest.Numbered(2)}, s.server.List(t, "q:U")); diff != "" {
				t.Errorf("a part took effect: %s", diff)
			}
		})
	}
}

func TestReloadReopensTheLogfile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", "")
	s.Configure("logfile = " + fmt.Sprintf("%q", s.File("gordon.log")) + "\n" + s.Task("T", 1))
	d := s.Run(nil)
	gordontest.Until(t, "it is up", func() bool { return strings.Contains(s.Read("gordon.log"), "gordon is up") })
	// What logrotate does.
	if err := os.Rename(s.File("gordon.log"), s.File("gordon.log.1")); err != nil {
		t.Fatal(err)
	}
	d.Signal(1)
	gordontest.Until(t, "the new file is used", func() bool { return strings.Contains(s.Read("gordon.log"), "reloaded") })
	s.Configure("logfile = " + fmt.Sprintf("%q", s.File("another.log")) + "\n" + s.Task("T", 1))
	d.Signal(1)
	gordontest.Until(t, "another file is used", func() bool { return strings.Contains(s.Read("another.log"), "reloaded") })
	if out := d.Printed(); out != "" {
		t.Errorf("printed beside the logfile: %s", out)
	}
}

func TestLogfileFlagOverridesTheConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", "")
	s.Configure("logfile = " + fmt.Sprintf("%q", s.File("config.log")) + "\n" + s.Task("T", 1))
	s.Run(nil, "-logfile", s.File("flag.log"))
	gordontest.Until(t, "it is up", func() bool { return strings.Contains(s.Read("flag.log"), "gordon is up") })
	if _, err := os.Stat(s.File("config.log")); !os.IsNotExist(err) {
		t.Errorf("the configuration's logfile: %v", err)
	}
}

// startWithSocket starts a daemon with a control socket, which is in the folder run.
func startWithSocket(t *testing.T) (s *site, d *gordontest.Daemon, run string) {
	t.Helper()
	s = newSite(t)
	run, err := os.MkdirTemp("", "gordon-run") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	d = s.Run([]string{"RUNTIME_DIRECTORY=" + run})
	d.Says("gordon is up")
	return s, d, run
}

// gordon reload returns when the new configuration counts, or says every reason
// why it does not.
func TestReloadCommandIsSynchronous(t *testing.T) {
	t.Parallel()
	s, d, run := startWithSocket(t)
	reload := func() (string, int) {
		cmd := exec.Command(binary, "reload", "--socket", filepath.Join(run, "control.sock"))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := reload(); code != 0 || out != "" || !strings.Contains(d.Printed(), "reloaded") {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.Configure("nonsense = 1\nworkers = 2\n" + s.Task("T", 1))
	out, code := reload()
	if code != 78 || strings.Count(out, "\n") != 2 || !strings.Contains(out, "nonsense") || !strings.Contains(out, "workers") {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.Configure("start_timeout = \"50ms\"\n" + s.Task("T", 1))
	s.Write("gordon.toml", strings.ReplaceAll(s.Read("gordon.toml"), s.server.Socket, "/nonexistent/redis"))
	if out, code := reload(); code != 69 || !strings.Contains(out, "/nonexistent/redis") {
		t.Errorf("exit code %d: %s", code, out)
	}
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if out, code := reload(); code != 1 || !strings.Contains(out, "is gordon running") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// hanging is a daemon whose reload waits for a Redis that is not there.
type hanging struct {
	site   *site
	daemon *gordontest.Daemon
	notify *gordontest.Notify
	socket string
}

func newHanging(t *testing.T) *hanging {
	t.Helper()
	s := newSite(t)
	run, err := os.MkdirTemp("", "gordon-run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	s.Script("T", `echo "$1" >>"$D/done"`)
	s.Script("U", `echo "$1" >>"$D/done"`)
	s.Configure(s.Task("T", 1))
	h := &hanging{site: s, notify: gordontest.ListenNotify(t), socket: filepath.Join(run, "control.sock")}
	h.daemon = s.Run([]string{"RUNTIME_DIRECTORY=" + run, h.notify.Env()})
	h.daemon.Says("gordon is up")
	return h
}

// reload starts gordon reload, and returns when the daemon waits for Redis.
func (h *hanging) reload(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	s := h.site
	s.Redis = gordontest.Unix(s.File("redis"))
	s.Configure("start_timeout = \"1h\"\n" + s.Task("U", 1))
	cmd := exec.Command(binary, "reload", "--socket", h.socket)
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	h.notify.Hears("RELOADING=1")
	h.notify.Hears("EXTEND_TIMEOUT_USEC=") // systemd is asked to wait for it as well
	return cmd
}

// end sends a signal to gordon reload and returns its exit code.
func end(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) int {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // read from ProcessState
	return cmd.ProcessState.ExitCode()
}

// systemd kills a reload that takes too long, and reports that it failed; somebody else
// presses Ctrl-C. It must not take effect afterwards.
func TestReloadThatWasGivenUp(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGKILL: -1, syscall.SIGINT: -1, syscall.SIGTERM: 1} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			h := newHanging(t)
			if got := end(t, h.reload(t), sig); got != code {
				t.Errorf("exit code %d, want %d", got, code)
			}
			h.daemon.Says("reload failed; the previous configuration stays in effect")
			if !strings.Contains(h.daemon.Printed(), "the client disconnected before the reload finished") {
				t.Error("the log does not say why")
			}
			// Redis is there now, and nothing comes of it.
			if err := os.Symlink(h.site.server.Socket, h.site.File("redis")); err != nil {
				t.Fatal(err)
			}
			h.site.server.Push(t, "q:U", gordontest.Numbered(2))
			h.site.server.Push(t, "q:T", gordontest.Numbered(1))
			gordontest.Until(t, "the old configuration goes on", func() bool { return h.site.Read("done") == "1\n" })
			if n := len(h.site.server.List(t, "q:U")); n != 1 {
				t.Errorf("%d entries wait for the type that was not added", n)
			}
			h.daemon.Reload("reloaded", 1) // and the next one works
			gordontest.Until(t, "the new one counts", func() bool { return h.site.Read("done") == "1\n2\n" })
			h.daemon.Stop()
		})
	}
}

// When systemd stops the unit, it sends SIGTERM to gordon reload too, which must not
// fail then: the unit would be left failed. Which of the two gets it first is open.
func TestStopDuringAReload(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(*hanging, *exec.Cmd) int{
		"the daemon first": func(h *hanging, cmd *exec.Cmd) int {
			h.daemon.Signal(syscall.SIGTERM)
			h.notify.Hears("STOPPING=1")
			return end(t, cmd, syscall.SIGTERM)
		},
		"gordon reload first": func(h *hanging, cmd *exec.Cmd) int {
			code := end(t, cmd, syscall.SIGTERM)
			h.daemon.Signal(syscall.SIGTERM)
			return code
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHanging(t)
			cmd := h.reload(t, fmt.Sprintf("MAINPID=%d", h.daemon.PID()))
			if code := story(h, cmd); code != 0 {
				t.Errorf("gordon reload ends with %d", code)
			}
			if code := h.daemon.Exit(); code != 0 {
				t.Errorf("gordon ends with %d", code)
			}
		})
	}
	// By hand it is no success that the daemon has stopped instead.
	h := newHanging(t)
	cmd := h.reload(t)
	h.daemon.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("gordon reload ends with %d", code)
	}
	h.daemon.Exit()
}

// An account may be one of a directory service that is away: systemd tries again after
// this status, and not after that of a faulty configuration.
func TestUnknownAccountAtTheStart(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]int{
		"user = \"no-such-user\"\n":                        67,
		"group = \"no-such-group\"\n":                      67,
		"user = \"no-such-user\"\n[tasks.X]\nscript = 1\n": 78,
	} {
		s := newSite(t)
		s.Script("T", "")
		s.Configure(s.Task("T", 1) + more)
		if code := s.Run(nil).Exit(); code != want {
			t.Errorf("%q: exit code %d, want %d", more, code, want)
		}
	}
	h := newHanging(t)
	h.site.Configure(h.site.Task("T", 1) + "user = \"no-such-user\"\n")
	cmd := exec.Command(binary, "reload", "--socket", h.socket)
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 78 || !strings.Contains(string(out), "does not exist on this system") {
		t.Errorf("a reload: %v: %s", cmd.ProcessState, out)
	}
	check := exec.Command(binary, "check", h.site.File("gordon.toml"))
	if out, _ := check.CombinedOutput(); check.ProcessState.ExitCode() != 78 {
		t.Errorf("a check: %v: %s", check.ProcessState, out)
	}
}
