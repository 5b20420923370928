package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// sweepTimeout bounds the wait for the processes that Sweep has killed.
const sweepTimeout = 2 * time.Second

// Sweep kills the processes that an earlier daemon has left behind in this tree. It
// returns the number of processes that have ended, and of those that the kernel still
// keeps, because they wait for a file system that no longer answers. Call it before the
// first run. With systemd it usually finds nothing, since systemd empties the unit's
// group before each start.
func (t *Tree) Sweep() (ended, left int, err error) {
	dirs, err := t.oldKinds()
	var found []int
	for _, dir := range dirs {
		list, fault := allPIDs(dir)
		found = append(found, list...)
		if len(list) > 0 {
			fault = errors.Join(fault, kill(dir))
		}
		err = errors.Join(err, fault)
	}
	deadline := time.Now().Add(sweepTimeout) // for all of them together
	for _, dir := range dirs {
		fault := removeBefore(dir, deadline)
		list, listing := allPIDs(dir)
		left += len(list)
		if len(list) == 0 { // else the processes are the reason for the errors
			err = errors.Join(err, fault, listing)
			continue
		}
		t.lingerBelow(dir)
	}
	return max(0, len(found)-left), left, err
}

// oldKinds lists the groups of types that exist.
func (t *Tree) oldKinds() (dirs []string, err error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("searching for old control groups: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && (strings.HasPrefix(e.Name(), kindPrefix) || e.Name() == scriptKind) {
			dirs = append(dirs, filepath.Join(t.dir, e.Name()))
		}
	}
	return dirs, nil
}

// lingerBelow schedules the removal of the groups of a type's old runs, for the time when
// their last process has ended.
func (t *Tree) lingerBelow(kind string) {
	runs, _ := os.ReadDir(kind)
	for _, run := range runs {
		if run.IsDir() {
			t.linger(filepath.Join(kind, run.Name()))
		}
	}
}

// killed reports whether SIGKILL is pending for a process. Such a process will not run
// another instruction, however long the kernel keeps it. See SigPnd in
// proc_pid_status(5); the signal is in the mask of each thread.
func killed(pid int) bool {
	status, err := files.Read(filepath.Join("/proc", strconv.Itoa(pid), "status"), maxText)
	if errors.Is(err, os.ErrNotExist) {
		// It has ended since, or is invisible and may live.
		return errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	}
	for line := range strings.Lines(string(status)) {
		name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		if pending, err := strconv.ParseUint(mask, 16, 64); err == nil && pending>>(unix.SIGKILL-1)&1 == 1 {
			return true
		}
	}
	return false
}
