package gordontest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Delegate makes a control group as systemd does for a unit with Delegate=yes, below
// the one of the test, and returns its folder. At the end of the test everything in it
// is killed.
func Delegate(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(groupOfTest(t), "gordon-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0); err != nil {
			t.Error(err)
		}
		Until(t, "the control group is removed", func() bool { return removeGroup(dir) })
	})
	if err := unix.Setxattr(dir, "trusted.delegate", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	return dir
}

// In starts a command in a control group; see [Site.Launch].
func In(group string) func(*exec.Cmd) error {
	return func(cmd *exec.Cmd) error {
		dir, err := os.Open(group)
		if err != nil {
			return err
		}
		defer dir.Close()
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = new(syscall.SysProcAttr)
		}
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
		return cmd.Start()
	}
}

// groupOfTest is the folder of the control group that this process is in.
func groupOfTest(t testing.TB) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	own, err2 := os.ReadFile("/proc/self/cgroup")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	_, group, _ := strings.Cut("\n"+string(own), "\n0::")
	group, _, _ = strings.Cut(group, "\n")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.Contains(line, " - cgroup2 ") {
			return filepath.Join(fields[4], strings.TrimPrefix(group, fields[3]))
		}
	}
	t.Fatal("there are no control groups of version 2")
	return ""
}

// removeGroup removes a group with all below it, and reports whether it is gone.
func removeGroup(dir string) bool {
	below, _ := os.ReadDir(dir)
	for _, d := range below {
		if d.IsDir() {
			removeGroup(filepath.Join(dir, d.Name()))
		}
	}
	err := unix.Rmdir(dir)
	return err == nil || errors.Is(err, unix.ENOENT)
}
