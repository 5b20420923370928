package cgroup

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// Run is the control group of one run of a task.
type Run struct {
	tree      *Tree
	dir, kind string        // folders of the run's group, and of its type's
	limits    config.Limits // of the run
	total     config.Limits // of the type, when the run began
	fd        int
	oomBefore int64 // of the type: count of the event "oom" when the run began
}

// prepare sets the limits, before any process is in the group, and opens it.
func (r *Run) prepare() (err error) {
	if err := limit(r.dir, r.limits, false); err != nil {
		return err
	}
	// An OOM kill ends the whole run. If it ended one process only, the others could
	// wait for it for ever. The file is the memory controller's.
	if err := ignoreGone(write(r.dir, "memory.oom.group", "1")); err != nil {
		return fmt.Errorf("setting memory.oom.group: %w", err)
	}
	r.oomBefore = counters(r.kind, memoryEventsLocal)["oom"]
	if r.fd, err = unix.Open(r.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("opening a control group: %w", err)
	}
	return nil
}

// FD returns a descriptor of the group's folder, for CLONE_INTO_CGROUP;
// clone(2). It is valid until Remove.
func (r *Run) FD() int { return r.fd }

// PIDs lists the processes of the run that have not ended, also those in groups that the
// run has created below its own.
func (r *Run) PIDs() ([]int, error) { return allPIDs(r.dir) }

// Kill sends SIGKILL to all processes of the run at once.
func (r *Run) Kill() error { return kill(r.dir) }

// Remove removes the group, now or, if processes were left behind on purpose,
// some time after they have ended.
func (r *Run) Remove() error {
	if r.fd >= 0 {
		_ = unix.Close(r.fd)
		r.fd = -1
	}
	err := remove(r.dir)
	if busy(err) {
		r.tree.linger(r.dir)
		return nil
	}
	return err
}

// kindPrefix is the prefix of the names of types' groups. It distinguishes them from the
// kernel's own files, and from the groups of systemd (".control").
const kindPrefix = "task."

// scriptKind is the name of the group of the error_script.
const scriptKind = "error_script"

// longest is the length at which a name is cut. A file name has 255 bytes at most, and
// includes kindPrefix and the checksum.
const longest = 200

// escape returns a file name for any text. A byte that is not a letter, digit or
// one of "_.:@-" becomes \xHH, as in names of systemd's units. A long name is
// cut, and ends with its checksum.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.:@-", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	if b.Len() <= longest {
		return b.String()
	}
	return b.String()[:longest] + "~" + checksum(text)
}
