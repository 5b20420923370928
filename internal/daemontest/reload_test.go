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
	s := newSite(t)
	s.Script("T", `echo "$1" >>"$D/done"`)
	s.Script("U", `echo "$1" >>"$D/done"`)
	s.Configure(s.Task("T", 1))
	d := s.Start()
	s.Configure(s.Task("T", 4) + s.Task("U", 1) + "[tasks.V]\nworkrs = 2\nscript = 3\n")
	d.Reload("the reload is refused", 1)
	for _, part := range []string{"gordon.toml", "workrs", "did you mean", "workers", "script"} {
		if !strings.Contains(d.Printed(), part) {
			t.Errorf("the log does not name %q", part)
		}
	}
	server.Push(t, "q:U", gordontest.Numbered(2))
	server.Push(t, "q:T", gordontest.Numbered(1))
	gordontest.Until(t, "the old configuration goes on", func() bool { return s.Read("done") == "1\n" })
	if diff := cmp.Diff([]string{gordontest.Numbered(2)}, server.List(t, "q:U")); diff != "" {
		t.Errorf("a part of the refused configuration took effect: %s", diff)
	}
	s.Configure(s.Task("T", 1) + s.Task("U", 1))
	d.Reload("reloaded", 1)
	gordontest.Until(t, "the mended configuration counts", func() bool { return s.Read("done") == "1\n2\n" })
}

// What cannot be prepared refuses the reload as well: nothing was changed.
func TestReloadIsAllOrNothing(t *testing.T) {
	for name, bad := range map[string]string{
		"logfile":         "logfile = \"/nonexistent/gordon.log\"\n",
		"stats interface": "[stats]\ninterface = \"203.0.113.1:1\"\n",
		"redis":           "start_timeout = \"100ms\"\n",
		"limit":           "[tasks.W]\nscript = \"/bin/true\"\nmemory_max = \"64M\"\n", // no test has a control group
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.Script("T", `echo "$1" >>"$D/done"`)
			s.Script("U", `echo "$1" >>"$D/done"`)
			s.Configure(s.Task("T", 1))
			d := s.Start()
			if name == "redis" {
				s.Redis = gordontest.Unix("/nonexistent/redis")
			}
			s.Configure(bad + s.Task("T", 1) + s.Task("U", 1))
			d.Reload("the reload is refused", 1)
			server.Push(t, "q:U", gordontest.Numbered(2))
			server.Push(t, "q:T", gordontest.Numbered(1))
			gordontest.Until(t, "the old configuration goes on", func() bool { return s.Read("done") == "1\n" })
			if diff := cmp.Diff([]string{gordontest.Numbered(2)}, server.List(t, "q:U")); diff != "" {
				t.Errorf("a part took effect: %s", diff)
			}
		})
	}
}

func TestReloadReopensTheLogfile(t *testing.T) {
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
	s := newSite(t)
	s.Script("T", "")
	s.Configure("logfile = " + fmt.Sprintf("%q", s.File("config.log")) + "\n" + s.Task("T", 1))
	s.Run(nil, "-logfile", s.File("flag.log"))
	gordontest.Until(t, "it is up", func() bool { return strings.Contains(s.Read("flag.log"), "gordon is up") })
	if _, err := os.Stat(s.File("config.log")); !os.IsNotExist(err) {
		t.Errorf("the configuration's logfile: %v", err)
	}
}

// gordon reload returns when the new configuration counts, or says every reason
// why it does not.
func TestReloadCommandIsSynchronous(t *testing.T) {
	s := newSite(t)
	run, err := os.MkdirTemp("", "gordon-run")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(run)
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	d := s.Run([]string{"RUNTIME_DIRECTORY=" + run})
	d.Says("gordon is up")
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
	s.Write("gordon.toml", strings.ReplaceAll(s.Read("gordon.toml"), server.Socket, "/nonexistent/redis"))
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
