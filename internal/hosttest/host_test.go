package hosttest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var server *redistest.Server

func TestMain(m *testing.M) {
	if os.Getenv(vforkEnv) != "" {
		vforkHelper()
	}
	os.Exit(redistest.MainWithoutLeaks(m, func(s *redistest.Server) { server = s }))
}

const identity = `hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/pid`

func TestAHostIsAMachineOfItsOwn(t *testing.T) {
	here, err := exec.Command("sh", "-c", identity).Output()
	if err != nil {
		t.Fatal(err)
	}
	a, b := New(t, server, Config{Name: "a"}), New(t, server, Config{Name: "b"})
	first := strings.Fields(a.Run("sh", "-c", identity))
	others := [][]string{strings.Fields(string(here)), strings.Fields(b.Run("sh", "-c", identity))}
	if first[0] != "a" || first[1] != a.config.MachineID {
		t.Errorf("a is %q", first)
	}
	for _, other := range others {
		for i := range first {
			if first[i] == other[i] {
				t.Errorf("two machines have %q", first[i])
			}
		}
	}
	a.PowerOff()
	a.Boot()
	again := strings.Fields(a.Run("sh", "-c", identity))
	if again[0] != first[0] || again[1] != first[1] || again[2] == first[2] {
		t.Errorf("%q after a boot, %q before", again, first)
	}
}

func TestHidePID(t *testing.T) {
	h := New(t, server, Config{Name: "hidden", HidePID: true})
	if seen := h.Run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "ls -d /proc/1 2>&1 || true"); !strings.Contains(seen, "No such file") {
		t.Errorf("another user sees process 1: %s", seen)
	}
}

func TestFreezeAndThaw(t *testing.T) {
	h := New(t, server, Config{Name: "f"})
	file := t.TempDir() + "/n"
	cmd := exec.Command("sh", "-c", `while :; do echo >>"$0"; sleep 0.05; done`, file)
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	size := func() int {
		content, _ := os.ReadFile(file)
		return len(content)
	}
	gordontest.Until(t, "it writes", func() bool { return size() > 2 })
	h.Freeze()
	frozen := size()
	time.Sleep(200 * time.Millisecond)
	if n := size(); n != frozen {
		t.Errorf("it wrote %d bytes while it was frozen", n-frozen)
	}
	h.Thaw()
	gordontest.Until(t, "it writes again", func() bool { return size() > frozen })
}

// vforkEnv makes the test program a parent that waits in vfork(2) for a child.
const vforkEnv = "HOSTTEST_VFORK"

// vforkHelper never returns: its child neither executes a program nor ends. The main
// thread waits, because its state counts as that of the process.
func vforkHelper() {
	for unix.Gettid() != unix.Getpid() {
		runtime.Gosched()
	}
	runtime.LockOSThread()
	child, _, _ := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	for child == 0 {
		_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0) // until a signal
	}
	os.Exit(1)
}

// A parent in vfork(2) cannot stop before its stopped child goes on. It counts as stopped.
func TestFreezeDuringAVfork(t *testing.T) {
	h := New(t, server, Config{Name: "v"})
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), vforkEnv+"=1")
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	gordontest.Until(t, "the parent waits for its child", func() bool { return stateOf(cmd.Process.Pid) == "D" })
	h.Freeze()
	stopped := 0
	for _, pid := range h.PIDs() {
		switch state := stateOf(pid); state {
		case "T":
			stopped++
		case "D":
		default:
			t.Errorf("process %d is in state %s", pid, state)
		}
	}
	if stopped < 2 { // the child and process 1
		t.Errorf("%d processes are stopped", stopped)
	}
	h.Thaw()
}

// Redis must not notice that a machine has no power.
func TestPowerOffSendsNoFIN(t *testing.T) {
	h := New(t, server, Config{Name: "p"})
	cmd := exec.Command("redis-cli", "-s", h.Proxy.Socket, "BLPOP", "queue", "0")
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	redistest.WaitBlocked(t, server, 1)
	h.PowerOff()
	if err := cmd.Wait(); err == nil {
		t.Error("the command ended well")
	}
	server.Push(t, "queue", "x")
	if n, err := redis.Int(server.Do(t, "LLEN", "queue"), nil); n != 0 || err != nil {
		t.Errorf("%d entries are left, %v: the server has noticed that its client is gone", n, err)
	}
	if err := h.Start(exec.Command("true")); err == nil {
		t.Error("a command ran without power")
	}
	h.Boot()
	if got := h.Run("redis-cli", "-s", h.Proxy.Socket, "PING"); got != "PONG\n" {
		t.Errorf("after a boot: %q", got)
	}
}
