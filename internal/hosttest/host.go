package hosttest

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// Config describes a machine.
type Config struct {
	// Name is its host name.
	Name string
	// MachineID is the content of /etc/machine-id; "" draws one.
	MachineID string
	// HidePID mounts /proc with hidepid=invisible: a user sees only processes of
	// its own (proc(5)).
	HidePID bool
}

// Host is a simulated machine.
type Host struct {
	// Proxy is between the machine and Redis.
	Proxy *redistest.Proxy

	t      testing.TB
	config Config
	dir    string
	init   *exec.Cmd // process 1 of the machine; nil while the power is off
	alive  io.Closer // while it is open, process 1 runs
	ended  sync.WaitGroup
}

// New boots a machine, which ends with the test.
func New(t testing.TB, redis *redistest.Server, c Config) *Host {
	t.Helper()
	if c.MachineID == "" {
		c.MachineID = random(16)
	}
	h := &Host{t: t, config: c, dir: t.TempDir(), Proxy: redistest.NewProxy(t, redis)}
	h.write("machine-id", c.MachineID+"\n")
	h.Boot()
	t.Cleanup(func() {
		if h.init != nil {
			h.end()
		}
		h.ended.Wait()
	})
	return h
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func (h *Host) write(name, content string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o444); err != nil {
		h.t.Fatal(err)
	}
}

// boot is process 1. A machine without /etc/machine-id gets a copy of /etc that has
// one. The shell waits for orphans, as an init has to. It ends, and all processes of the
// machine with it, when its standard input does: with the test, however that ends.
const boot = `set -e
mount -t proc -o "$PROC" proc /proc
mount --bind "$D/boot-id" /proc/sys/kernel/random/boot_id
if ! [ -e /etc/machine-id ]; then
	mkdir -p "$D/etc"
	mount -t tmpfs etc "$D/etc"
	cp -a /etc/. "$D/etc"
	: >"$D/etc/machine-id"
	mount --bind "$D/etc" /etc
fi
mount --bind "$D/machine-id" /etc/machine-id
hostname "$NAME"
echo up
exec 1>&- 3<&0
cat <&3 >/dev/null &
wait
`

// Boot switches the machine on again after [Host.PowerOff], connected to Redis.
func (h *Host) Boot() {
	h.t.Helper()
	id := random(16)
	h.replace("boot-id", fmt.Sprintf("%s-%s-%s-%s-%s\n", id[:8], id[8:12], id[12:16], id[16:20], id[20:]))
	proc := "hidepid=off"
	if h.config.HidePID {
		proc = "hidepid=invisible"
	}
	h.init = exec.Command("/bin/sh", "-c", boot)
	h.init.Env = append(os.Environ(), "D="+h.dir, "NAME="+h.config.Name, "PROC="+proc)
	h.init.Stderr = os.Stderr
	h.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWUTS, Unshareflags: unix.CLONE_NEWNS,
	}
	out, err := h.init.StdoutPipe()
	if err == nil {
		h.alive, err = h.init.StdinPipe()
	}
	if err == nil {
		err = h.init.Start()
	}
	if err != nil {
		h.t.Fatalf("boot %s (this needs root): %v", h.config.Name, err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		h.t.Fatalf("%s does not boot: %q, %v", h.config.Name, line, err)
	}
	h.Proxy.Decide(nil)
	h.Proxy.Mute(false)
}

// replace writes a file that may be mounted somewhere.
func (h *Host) replace(name, content string) {
	h.t.Helper()
	h.write(name+".new", content)
	if err := os.Rename(filepath.Join(h.dir, name+".new"), filepath.Join(h.dir, name)); err != nil {
		h.t.Fatal(err)
	}
}

// PowerOff ends all processes of the machine at once. No FIN reaches Redis, which
// goes on waiting for the machine's connections.
func (h *Host) PowerOff() {
	h.t.Helper()
	h.Proxy.Unplug()
	h.end()
}

// end kills process 1, and with it the kernel kills all others (pid_namespaces(7)). It
// returns when none of those runs. Process 1 itself is gone only when the test has
// waited for all processes that it started there.
func (h *Host) end() {
	namespace, dead := h.namespace(), h.init
	_ = dead.Process.Kill()
	gordontest.Until(h.t, h.config.Name+" is off", func() bool {
		return !slices.ContainsFunc(pidsIn(h.t, namespace), func(pid int) bool { return pid != dead.Process.Pid })
	})
	h.ended.Go(func() { _ = dead.Wait() }) // its exit status is that of the kill
	h.init = nil
}

// Cut has the machine's connections to Redis break, and new ones too.
func (h *Host) Cut() {
	h.Proxy.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
	h.Proxy.CutAll()
}

// Partition drops all packets between the machine and Redis: neither side hears
// that anything has happened.
func (h *Host) Partition() { h.Proxy.Mute(true) }

// Heal ends a Cut or a Partition. Data that was lost meanwhile stays lost.
func (h *Host) Heal() {
	h.Proxy.Decide(nil)
	h.Proxy.Mute(false)
}

// Freeze stops every process of the machine (SIGSTOP), as a hypervisor that stops the
// machine would, and returns when none of them runs any more.
//
// A process in uninterruptible sleep ("D") counts as stopped. The signal is pending, so
// that the process stops before it executes another instruction of its own. A parent in
// vfork(2) even stays in that state until the child executes a program or ends
// (wait_for_vfork_done in kernel/fork.c), and the child is stopped. That child may be too
// young for the list of processes that was read before the parent slept. Therefore two
// lists in a row must be equal.
func (h *Host) Freeze() {
	h.t.Helper()
	var before []int
	gordontest.Until(h.t, h.config.Name+" is frozen", func() bool {
		pids := h.PIDs()
		frozen := slices.Equal(pids, before)
		before = pids
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGSTOP) // fails for a process that has just ended
			if state := stateOf(pid); state == "R" || state == "S" {
				frozen = false
			}
		}
		return frozen
	})
}

// Thaw ends a Freeze.
func (h *Host) Thaw() {
	for _, pid := range h.PIDs() {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
}

// PIDs returns the processes of the machine that have not ended, as the test's machine numbers them.
func (h *Host) PIDs() []int { return pidsIn(h.t, h.namespace()) }

func (h *Host) namespace() string {
	h.t.Helper()
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", h.init.Process.Pid))
	if err != nil {
		h.t.Fatal(err)
	}
	return namespace
}

func pidsIn(t testing.TB, namespace string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if of, err := os.Readlink(link); err != nil || of != namespace {
			continue // another machine's, or ended since
		}
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		if state := stateOf(pid); state != "" && state != "Z" && state != "X" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stateOf returns the state of a process (proc_pid_stat(5), field 3), "" for none.
func stateOf(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// Site returns a folder whose gordon runs on this machine, with its way to Redis.
func (h *Host) Site(binary string) *gordontest.Site {
	s := gordontest.NewSite(h.t, binary, gordontest.Unix(h.Proxy.Socket))
	s.Launch = h.Start
	return s
}

// Run runs a command on the machine and returns its output.
func (h *Host) Run(name string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		h.t.Fatalf("%s %q on %s: %v\n%s", name, args, h.config.Name, err, out.String())
	}
	return out.String()
}

// errOff is returned by Start while the power is off.
var errOff = errors.New("the machine is off")
