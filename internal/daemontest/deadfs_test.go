package daemontest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// A script on a file system that does not answer, its interpreter or its folder keep
// no other task from running, and neither a reload nor a stop. Its entries go back.
func TestScriptsOnADeadFileSystem(t *testing.T) {
	t.Parallel()
	dead, _ := gordontest.DeadFolder(t)
	s := newSite(t)
	s.Script("T", `echo "$1" >>"$D/ran"`)
	s.Script("fails", `echo "$1" >>"$D/failed"; exit 1`)
	s.Write("shebang", "#!"+dead+"/php\n")
	tasks := fmt.Sprintf("error_script = %q\n", dead+"/tell") + s.Task("T", 2) + s.Task("fails", 1)
	s.server.Push(t, "q:fails", gordontest.Numbered(0))
	for name, keys := range map[string]string{
		"script":  fmt.Sprintf("script = %q", dead+"/script"),
		"shebang": fmt.Sprintf("script = %q", s.File("shebang")),
		"folder":  fmt.Sprintf("script = %q\nworking_directory = %q", s.File("T.sh"), dead+"/x"),
	} {
		tasks += fmt.Sprintf("[tasks.%s]\nworkers = 3\n%s\n", name, keys)
		for n := range 3 {
			s.server.Push(t, "q:"+name, gordontest.Numbered(n))
		}
	}
	s.Configure(tasks)
	d := s.Start()
	gordontest.Until(t, "each type has met the file system", func() bool {
		for _, name := range []string{"script", "shebang", "folder", "fails"} {
			met := regexp.MustCompile("retrying type=" + name + " .*does not answer")
			if !met.MatchString(d.Printed()) {
				return false
			}
		}
		return true
	})
	for n := range 50 {
		s.server.Push(t, "q:T", gordontest.Numbered(n))
	}
	gordontest.Until(t, "the others run", func() bool { return len(s.Lines("ran")) == 50 })
	// A signal that the first thread does not take, no other one does.
	if where, err := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", d.PID())); err != nil || strings.Contains(string(where), "fuse") {
		t.Errorf("the first thread is in %s (%v)", where, err)
	}
	d.Reload("reloaded", 1)
	s.server.Push(t, "q:T", gordontest.Numbered(50))
	gordontest.Until(t, "the others run", func() bool { return len(s.Lines("ran")) == 51 })
	began := time.Now()
	d.Signal(syscall.SIGTERM)
	d.Says("stopping")
	d.Signal(syscall.SIGTERM) // now
	if code := d.Exit(); code != 0 || time.Since(began) > 30*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
	for _, name := range []string{"script", "shebang", "folder"} {
		want := []string{gordontest.Numbered(0), gordontest.Numbered(1), gordontest.Numbered(2)}
		if diff := cmp.Diff(want, s.server.List(t, "q:"+name)); diff != "" {
			t.Errorf("the queue of %s: %s", name, diff)
		}
	}
}
