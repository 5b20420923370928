package fleettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/hosttest"
)

// nobody is a user that has no rights.
const nobody = 65534

// A dead daemon's pid belongs to another user by now, whose processes are hidden
// (ProtectProc=invisible): whether the daemon lives cannot be seen, so its lease decides.
func TestAPidThatIsHiddenIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, "", "")
	a := f.add(hosttest.Config{Name: "a", HidePID: true}, waits, "")
	open(t, filepath.Dir(binary), f.dir, filepath.Dir(f.dir), a.site.Dir(), filepath.Dir(a.site.Dir()), filepath.Dir(a.Proxy.Socket), a.Proxy.Socket)
	a.site.Launch = func(cmd *exec.Cmd) error {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return a.Start(cmd)
	}
	f.start(a)
	f.redis.Push(t, "q:job", "{}")
	f.until("started", "a")
	pid := strings.TrimSpace(a.Run("pgrep", "-x", "gordon"))
	a.Freeze() // so that nothing takes the pid first
	a.daemon.Signal(syscall.SIGKILL)
	<-a.daemon.Gone
	a.Thaw()
	gordontest.Until(t, "root has the pid", func() bool {
		before, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		got := a.Run("sh", "-c", `echo `+strconv.Itoa(before-1)+` >/proc/sys/kernel/ns_last_pid; sleep 1000 >&- 2>&- & echo $!`)
		return strings.TrimSpace(got) == pid
	})
	f.start(a)
	f.until("started", "a", "a")
	f.write("go")
	gordontest.Until(t, "it ended", func() bool { return len(f.lines("ended")) > 0 })
	f.settle()
}

// open lets every user use files and folders.
func open(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}
