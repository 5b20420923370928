package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/host"
)

// Leaf is the name of the group that the daemon itself moves into. A unit with
// DelegateSubgroup= (systemd 254) must have the same name there.
const Leaf = "daemon"

// ErrNone means that no control group is delegated to this process. The text
// around it has the reason. It is not a fault: only limits need a control group.
var ErrNone = errors.New("no control group is delegated to gordon")

// Open takes over the control group that the service manager has delegated to
// this process: it moves the process into the group [Leaf] below, because a
// group that gives controllers to its children may not hold processes itself
// (cgroups(7), "no internal processes"), and enables the controllers that
// Gordon uses. The error is always [ErrNone], with the reason.
//
// A group is delegated if systemd has set the attribute of its CGROUP_DELEGATION.md. Up to
// systemd 250 only root can read it; then the owner of the folder decides. The group must
// not be that of a shell, for example; see checkAlone.
func Open() (*Tree, error) {
	dir, mount, err := ownDir()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if filepath.Base(dir) == Leaf {
		dir = filepath.Dir(dir) // by DelegateSubgroup=
	}
	t := &Tree{dir: dir, mount: mount, kinds: make(map[string]config.Limits)}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if err := t.takeOver(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return t, nil
}

// check returns an error if Gordon may not change the group.
func (t *Tree) check() error {
	switch {
	case !kernelClones():
		return errors.New("clone3(2) is not available; starting a process in a control group requires Linux 5.7 and a unit without RestrictNamespaces=")
	case !delegated(t.dir):
		return fmt.Errorf("%s is not delegated: the unit needs Delegate=yes", t.Path())
	}
	return t.checkAlone()
}

// checkAlone fails if the group belongs to the process that has started this one, or to
// another gordon, whose tasks Sweep would kill. All other processes were left behind by
// an earlier gordon or by a command of the unit, and are no reason to work without limits.
func (t *Tree) checkAlone() error {
	for _, dir := range []string{t.dir, filepath.Join(t.dir, Leaf)} {
		others, err := pids(dir)
		if ignoreGone(err) != nil {
			return fmt.Errorf("listing the processes in %s: %w", dir, err)
		}
		for _, pid := range others {
			if pid != os.Getpid() && !killed(pid) && !(marked(t.dir) && leftOver(pid)) {
				return fmt.Errorf("process %d is also in %s: gordon needs a control group of its own, from a unit with Delegate=yes", pid, t.Path())
			}
		}
	}
	return nil
}

// leftOver reports whether a process has neither started this one nor is a gordon. A
// process that cannot be examined may be a gordon.
func leftOver(pid int) bool {
	for up := os.Getppid(); up > 1; {
		if up == pid {
			return false
		}
		st, err := host.ReadStat(up)
		if err != nil {
			return false
		}
		up = st.PPID
	}
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	its, err := os.Stat(exe)
	if err != nil {
		return errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	}
	// An upgrade may have replaced the file of a gordon that still runs.
	name, err := os.Readlink(exe)
	return err == nil && !os.SameFile(own, its) && filepath.Base(strings.TrimSuffix(name, " (deleted)")) != "gordon"
}

// kernelClones reports whether clone3(2) can start a process in a group. It calls
// clone3 with a group that cannot exist, which the kernel refuses as invalid before it does
// anything. All other errors refuse the call itself: ENOSYS before Linux 5.3, and by
// systemd's RestrictNamespaces=, whose filter cannot see the flags
// (seccomp_restrict_namespaces in systemd's seccomp-util.c); E2BIG before Linux
// 5.7, whose arguments have no group; EPERM by filters that do not know the call.
func kernelClones() bool {
	args := [...]uint64{0: unix.CLONE_INTO_CGROUP, 10: math.MaxUint64} // struct clone_args
	_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return errno == unix.EINVAL
}

func delegated(dir string) bool {
	if marked(dir) {
		return true
	}
	if os.Geteuid() == 0 {
		return false // root may write everywhere, so that proves nothing
	}
	for _, file := range []string{".", procsFile, subtreeFile} {
		if unix.Access(filepath.Join(dir, file), unix.W_OK) != nil {
			return false
		}
	}
	return true
}

// marked reports whether systemd has marked the group as delegated.
func marked(dir string) bool {
	for _, attr := range []string{"trusted.delegate", "user.delegate"} {
		var value [8]byte
		if n, err := unix.Getxattr(dir, attr, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// takeOver moves the daemon into its leaf and enables the controllers.
func (t *Tree) takeOver() error {
	leaf := filepath.Join(t.dir, Leaf)
	if err := makeDir(leaf); err != nil {
		return err
	}
	if err := write(leaf, procsFile, "0"); err != nil { // 0 is the writer
		return fmt.Errorf("moving gordon into its own control group: %w", err)
	}
	// Left-over processes move along, or the controllers could not be enabled.
	rest, _ := pids(t.dir)
	for _, pid := range rest {
		_ = write(leaf, procsFile, strconv.Itoa(pid))
	}
	t.controllers = enable(t.dir)
	return nil
}

// enable enables the controllers that Gordon uses for the children of a group,
// and returns those that they have then. Without a controller, only the limits that need
// it fail.
func enable(dir string) (enabled []string) {
	for _, c := range []string{"cpu", "io", "memory", "pids"} {
		_ = write(dir, subtreeFile, "+"+c)
	}
	text, _ := files.Read(filepath.Join(dir, subtreeFile), maxText)
	return strings.Fields(string(text))
}
