package daemontest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

const (
	inGroups      = "tasks run in control groups"
	withoutGroups = "control groups are not available; tasks run without them"
)

// What an error_script leaves behind is in a group of its own, and not in the way of the
// next daemon, which would run without limits otherwise, or not at all.
func TestLeftOverErrorScript(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	group := gordontest.Delegate(t)
	s.Launch = gordontest.In(group)
	s.Script("T", "exit 1")
	s.Script("tell", `setsid sleep 600 </dev/null >/dev/null 2>&1 & cat /proc/$!/cgroup >"$D/group.new"; mv "$D/group.new" "$D/group"`)
	s.Configure(fmt.Sprintf("error_script = %q\n", s.File("tell.sh")) + s.Task("T", 1))
	d := s.Start()
	d.Says(inGroups)
	s.server.Push(t, "q:T", "{}")
	gordontest.Until(t, "the error_script has run", func() bool { return s.Read("group") != "" })
	if got := s.Read("group"); !strings.Contains(got, filepath.Base(group)+"/error_script/gordon") {
		t.Errorf("it is in %s", got)
	}
	d.Signal(syscall.SIGKILL)
	d.Exit()
	next := s.Start()
	next.Says(inGroups)
	next.Says("killed processes left in the control groups of an earlier instance")
	next.Stop()
}

// Neither is anything else that was left in the daemon's own groups, but for another
// gordon, and whoever has started this one.
func TestWhoIsInTheGroupOfTheDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	group := gordontest.Delegate(t)
	s.Launch = gordontest.In(group)
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	first := s.Start()
	first.Says(inGroups)
	second := s.Start()
	second.Says(withoutGroups)
	second.Stop()
	first.Signal(syscall.SIGKILL)
	first.Exit()

	for _, where := range []string{group, filepath.Join(group, "daemon")} {
		stranger := exec.Command("sleep", "600")
		if err := gordontest.In(where)(stranger); err != nil {
			t.Fatal(err)
		}
		d := s.Start()
		d.Says(inGroups)
		d.Stop()
		if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("what was left is gone: %v", err)
		}
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}

	// A shell's group is not taken over.
	s.Launch = func(cmd *exec.Cmd) error {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `"$@"; exit $?`, "sh"}, cmd.Args...)
		return gordontest.In(group)(cmd)
	}
	s.Start().Says(withoutGroups)
}
