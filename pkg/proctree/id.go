package proctree

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// procID identifies one process: no two processes of one boot have the same pid and the
// same start time.
type procID struct {
	pid   int
	start uint64 // clock ticks since the boot
}

func idOf(st host.Stat) procID { return procID{pid: st.PID, start: st.StartTime} }

// living reports whether the process exists and has not ended.
func (id procID) living() bool {
	st, err := host.ReadStat(id.pid)
	return err == nil && idOf(st) == id && !st.Ended()
}

// signal sends sig to the process, and never to another process that got its pid
// meanwhile: it opens the pidfd first and checks the process afterwards; see
// pidfd_open(2). It reports whether the process still existed.
func (id procID) signal(sig unix.Signal) (sent bool, err error) {
	fd, err := unix.PidfdOpen(id.pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return false, nil
	case err != nil:
		// There are no pidfds (an old kernel, or a sandbox that forbids them).
		// Between the check and the signal the pid could get another owner, if all
		// other pids were given out within those microseconds.
		fd = -1
	default:
		defer func() { _ = unix.Close(fd) }()
	}
	if !id.living() {
		return false, nil
	}
	if fd < 0 {
		err = unix.Kill(id.pid, sig)
	} else {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("sending %s to process %d: %w", unix.SignalName(sig), id.pid, err)
	}
	return true, nil
}
