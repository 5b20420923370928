package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// The files that every group has; see "Core Interface Files" in the
// kernel's Documentation/admin-guide/cgroup-v2.rst, as for all files below.
const (
	procsFile   = "cgroup.procs"
	subtreeFile = "cgroup.subtree_control"
	eventsFile  = "cgroup.events"
	killFile    = "cgroup.kill"   // Linux 5.14
	freezeFile  = "cgroup.freeze" // Linux 5.2
)

// Limits on the size of the files, in bytes. The kernel has 4194304 pids at most (proc(5),
// pid_max), with 8 bytes each. All other files are short.
const (
	maxProcs = 64 << 20
	maxText  = 4 << 20
)

// write writes a value to a file of a group. The kernel accepts the whole value or
// nothing, and never creates a file.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// counters reads the "name number" lines of a file such as cpu.stat. It returns none for
// a file that does not exist.
func counters(dir, file string) map[string]int64 {
	found, _ := readCounters(dir, file)
	return found
}

func readCounters(dir, file string) (map[string]int64, error) {
	text, err := files.Read(filepath.Join(dir, file), maxText)
	if err != nil {
		return nil, err
	}
	found := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			found[name] = n
		}
	}
	return found, nil
}

// number reads a file that holds one number.
func number(dir, file string) (n int64, ok bool) {
	text, err := files.Read(filepath.Join(dir, file), maxText)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// pids lists the processes of one group, without the groups below it and without
// zombies.
func pids(dir string) (list []int, err error) {
	text, err := files.Read(filepath.Join(dir, procsFile), maxProcs)
	if err != nil {
		return nil, err
	}
	for field := range bytes.FieldsSeq(text) {
		pid, err := strconv.Atoi(string(field))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", procsFile, err)
		}
		list = append(list, pid)
	}
	return list, nil
}

// allPIDs lists the processes of a group and of all groups below it. A task can create
// groups there as well as Gordon. A group that is gone has no processes.
func allPIDs(dir string) (list []int, err error) {
	events, err := readCounters(dir, eventsFile)
	if err != nil || events["populated"] == 0 {
		return nil, ignoreGone(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return ignoreGone(err)
		}
		here, err := pids(path)
		list = append(list, here...)
		return ignoreGone(err)
	})
	return list, err
}

// ignoreGone drops the errors of a group that was removed meanwhile. Its open files
// return ENODEV.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// makeDir creates a group if it does not exist.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making a control group: %w", err)
	}
	return nil
}

// remove removes a group with all groups below it. It fails with EBUSY while there are
// processes in one of them.
func remove(dir string) error {
	err := unix.Rmdir(dir)
	if !busy(err) {
		return ignoreGone(err)
	}
	below, _ := os.ReadDir(dir)
	for _, d := range below {
		if d.IsDir() {
			_ = remove(filepath.Join(dir, d.Name()))
		}
	}
	return ignoreGone(unix.Rmdir(dir))
}

// removeBefore removes a group whose processes were killed, as soon as they are
// gone.
func removeBefore(dir string, deadline time.Time) error {
	for pause := time.Millisecond; ; pause *= 2 {
		err := remove(dir)
		if !busy(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(min(pause, time.Until(deadline)))
	}
}

// busy reports whether a group cannot be removed because processes are in it.
func busy(err error) bool { return errors.Is(err, unix.EBUSY) }

// kill sends SIGKILL at once to all processes of a group and of the groups below it.
func kill(dir string) error {
	err := write(dir, killFile, "1")
	if errors.Is(err, fs.ErrNotExist) {
		err = killFrozen(dir)
	}
	return ignoreGone(err)
}

// killFrozen is kill for kernels before 5.14. It freezes the group, so that no process
// can fork meanwhile. Freezing takes a moment, in which a process may still fork. The
// caller therefore repeats killFrozen until the group is empty.
func killFrozen(dir string) error {
	if err := write(dir, freezeFile, "1"); err != nil {
		return err
	}
	list, err := allPIDs(dir)
	for _, pid := range list {
		// A frozen process cannot have ended, so its pid is not that of another.
		if fault := unix.Kill(pid, unix.SIGKILL); fault != nil && !errors.Is(fault, unix.ESRCH) {
			err = errors.Join(err, fmt.Errorf("killing process %d: %w", pid, fault))
		}
	}
	return errors.Join(err, write(dir, freezeFile, "0"))
}
