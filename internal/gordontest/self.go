package gordontest

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Executable copies the running test program to a place where all users can execute it.
func Executable(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "gordon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := errors.Join(os.WriteFile(path, content, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// UnitCaps are the capabilities of the example for a unit.
func UnitCaps() []uintptr { return []uintptr{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL} }

// AsUser runs the test program in another process, with this environment and PATH, as a
// user with these capabilities, as a unit gives them to a daemon that is not root. It
// decodes the JSON that the process prints into into. It needs root.
func AsUser(t testing.TB, uid uint32, caps []uintptr, env []string, into any) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, AmbientCaps: caps}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
