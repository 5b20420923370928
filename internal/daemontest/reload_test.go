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
)

// A bad configuration is refused whole, with every fault, and the old one goes
// on.
func TestReloadOfABadConfigIsRefusedWhole(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", `echo "$1" >>"$D/done"`)
	s.script("U.sh", `echo "$1" >>"$D/done"`)
	s.configure(s.task("T", 1))
	d := s.start()
	s.configure(s.task("T", 4) + s.task("U", 1) + "[tasks.V]\nworkrs = 2\nscript = 3\n")
	d.reload("the reload is refused", 1)
	for _, part := range []string{"gordon.toml", "workrs", "did you mean", "workers", "script"} {
		if !strings.Contains(d.out.String(), part) {
			t.Errorf("the log does not name %q", part)
		}
	}
	server.Push(t, "q:U", numbered(2))
	server.Push(t, "q:T", numbered(1))
	until(t, "the old configuration goes on", func() bool { return s.read("done") == "1\n" })
	if diff := cmp.Diff([]string{numbered(2)}, server.List(t, "q:U")); diff != "" {
		t.Errorf("a part of the refused configuration took effect: %s", diff)
	}
	s.configure(s.task("T", 1) + s.task("U", 1))
	d.reload("reloaded", 1)
	until(t, "the mended configuration counts", func() bool { return s.read("done") == "1\n2\n" })
}

// What cannot be prepared refuses the reload as well: nothing was changed.
func TestReloadIsAllOrNothing(t *testing.T) {
	for name, bad := range map[string]string{
		"logfile":         "logfile = \"/nonexistent/gordon.log\"\n",
		"stats interface": "[stats]\ninterface = \"203.0.113.1:1\"\n",
		"redis":           "start_timeout = \"100ms\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.script("T.sh", `echo "$1" >>"$D/done"`)
			s.script("U.sh", `echo "$1" >>"$D/done"`)
			s.configure(s.task("T", 1))
			d := s.start()
			if name == "redis" {
				s.socket = "/nonexistent/redis"
			}
			s.configure(bad + s.task("T", 1) + s.task("U", 1))
			d.reload("the reload is refused", 1)
			server.Push(t, "q:U", numbered(2))
			server.Push(t, "q:T", numbered(1))
			until(t, "the old configuration goes on", func() bool { return s.read("done") == "1\n" })
			if diff := cmp.Diff([]string{numbered(2)}, server.List(t, "q:U")); diff != "" {
				t.Errorf("a part took effect: %s", diff)
			}
		})
	}
}

func TestReloadReopensTheLogfile(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", "")
	s.configure("logfile = " + fmt.Sprintf("%q", s.file("gordon.log")) + "\n" + s.task("T", 1))
	d := s.run(nil)
	until(t, "it is up", func() bool { return strings.Contains(s.read("gordon.log"), "gordon is up") })
	// What logrotate does.
	if err := os.Rename(s.file("gordon.log"), s.file("gordon.log.1")); err != nil {
		t.Fatal(err)
	}
	d.signal(1)
	until(t, "the new file is used", func() bool { return strings.Contains(s.read("gordon.log"), "reloaded") })
	s.configure("logfile = " + fmt.Sprintf("%q", s.file("another.log")) + "\n" + s.task("T", 1))
	d.signal(1)
	until(t, "another file is used", func() bool { return strings.Contains(s.read("another.log"), "reloaded") })
	if out := d.out.String(); out != "" {
		t.Errorf("printed beside the logfile: %s", out)
	}
}

func TestLogfileFlagOverridesTheConfig(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", "")
	s.configure("logfile = " + fmt.Sprintf("%q", s.file("config.log")) + "\n" + s.task("T", 1))
	s.run(nil, "-logfile", s.file("flag.log"))
	until(t, "it is up", func() bool { return strings.Contains(s.read("flag.log"), "gordon is up") })
	if _, err := os.Stat(s.file("config.log")); !os.IsNotExist(err) {
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
	s.script("T.sh", "")
	s.configure(s.task("T", 1))
	d := s.run([]string{"RUNTIME_DIRECTORY=" + run})
	d.says("gordon is up")
	reload := func() (string, int) {
		cmd := exec.Command(binary, "reload", "--socket", filepath.Join(run, "control.sock"))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := reload(); code != 0 || out != "" || !strings.Contains(d.out.String(), "reloaded") {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.configure("nonsense = 1\nworkers = 2\n" + s.task("T", 1))
	out, code := reload()
	if code != 78 || strings.Count(out, "\n") != 2 || !strings.Contains(out, "nonsense") || !strings.Contains(out, "workers") {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.configure("start_timeout = \"50ms\"\n" + s.task("T", 1))
	s.write("gordon.toml", strings.ReplaceAll(s.read("gordon.toml"), s.socket, "/nonexistent/redis"))
	if out, code := reload(); code != 69 || !strings.Contains(out, "/nonexistent/redis") {
		t.Errorf("exit code %d: %s", code, out)
	}
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if out, code := reload(); code != 1 || !strings.Contains(out, "is gordon running") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
