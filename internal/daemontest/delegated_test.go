package daemontest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// gordonUID is a user that need not exist: the kernel knows numbers only.
const gordonUID = 61005

// delegate makes a control group and hands it over to gordon's user, as systemd does
// for Delegate=yes. It returns its folder, in a mount of this test's.
func delegate(t *testing.T) (mount, group string) {
	t.Helper()
	mount = t.TempDir()
	if err := unix.Mount("none", mount, "cgroup2", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(text), "0::/")
	group = filepath.Join(mount, strings.TrimSpace(string(text[at+3:])), fmt.Sprintf("gordon-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		gordontest.Until(t, "the groups are removed", func() bool { return removeGroups(group) })
	})
	for _, file := range []string{".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
		if err := os.Chown(filepath.Join(group, file), gordonUID, gordonUID); err != nil {
			t.Fatal(err)
		}
	}
	return mount, group
}

// removeGroups removes a group with those below it.
func removeGroups(group string) bool {
	var all []string
	_ = filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for _, path := range slices.Backward(all) {
		_ = os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0o600)
		_ = unix.Rmdir(path)
	}
	_, err := os.Stat(group)
	return errors.Is(err, fs.ErrNotExist)
}

// The limits of a task are files of its control group. With a user of its own a task
// can write to none, neither its own nor those around it, and can't leave the group.
// What runs as gordon's own user can: the files are that user's.
func TestATaskWithAUserCannotChangeItsControlGroup(t *testing.T) {
	t.Parallel()
	mount, group := delegate(t)
	folder, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	s := newSite(t)
	// The group, that of its type, and that of the unit, with the daemon's beside.
	s.Script("T", `own="$M$(sed -n 's/^0:://p' /proc/self/cgroup)"; unit=$(dirname "$(dirname "$own")")
		for d in "$own" "$own/.." "$unit" "$unit/daemon"; do
			for f in "$d"/*; do [ -d "$f" ] || { (: >>"$f") 2>/dev/null && echo "writes $f"; }; done
			mkdir "$d/x" 2>/dev/null && echo "makes $d/x"
		done
		for d in "$unit/daemon" "$unit"; do (echo $$ >"$d/cgroup.procs") 2>/dev/null && echo "goes to $d"; done
		echo "$own ended"`)
	tasks := ""
	for name, user := range map[string]string{"own": "", "other": "user = \"nobody\"\n"} {
		tasks += fmt.Sprintf("[tasks.%s]\nscript = %q\nfail_on_output = \"any\"\nenvironment = { M = %q }\n%s", name, s.File("T.sh"), mount, user)
		s.server.Push(t, "q:"+name, `{}`)
	}
	s.Configure(tasks)
	for path := s.Dir(); path != os.TempDir(); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{s.server.Socket, filepath.Dir(s.server.Socket), filepath.Dir(s.Binary)} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	s.Launch = func(cmd *exec.Cmd) error {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: gordonUID, Gid: gordonUID},
			AmbientCaps: []uintptr{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL},
			UseCgroupFD: true, CgroupFD: int(folder.Fd()),
		}
		return cmd.Start()
	}
	d := s.Start()
	if strings.Contains(d.Printed(), "without control groups") {
		t.Fatal("the control group is not taken over")
	}
	said := func(name string) string {
		gordontest.Until(t, name+" ended", func() bool { return len(s.server.List(t, "q:"+name+":failed")) == 1 })
		return s.server.List(t, "q:"+name+":failed")[0]
	}
	if got := said("other"); !strings.Contains(got, "task.other/") || strings.Contains(got, "writes") || strings.Contains(got, "makes") || strings.Contains(got, "goes to") {
		t.Errorf("the other user %s", got)
	}
	if got := said("own"); !strings.Contains(got, "writes") || !strings.Contains(got, "goes to") {
		t.Errorf("the attack is none: gordon's own user %s", got)
	}
	d.Stop()
}
