package host

import (
	"errors"

	"golang.org/x/sys/unix"
)

// initialPIDNamespace is the pid namespace that the machine boots into. Its
// inode number is a constant of the kernel (PROC_PID_INIT_INO in
// include/linux/proc_ns.h); all other namespaces get numbers that are given
// out anew at each boot, on every machine from the same range.
const initialPIDNamespace = "pid:[4026531836]"

// SameMachine reports whether both processes say that they run on one machine
// and see one set of pids: the same non-empty machine id and the same pid
// namespace.
//
// What is certain: with equal boot ids too, they share one running kernel and
// one set of pids. What is not: across boots only the initial pid namespace
// can be compared (see initialPIDNamespace), and the machine id of an image
// that was cloned without resetting it is shared by machines that have nothing
// to do with each other. State takes both into account.
func (i Identity) SameMachine(o Identity) bool {
	return i.MachineID != "" && i.MachineID == o.MachineID &&
		i.PIDNamespace != "" && i.PIDNamespace == o.PIDNamespace
}

// State is what can be known of a process.
type State int

const (
	// Unknown: nobody can tell from here whether it lives.
	Unknown State = iota
	// Alive: the process was seen.
	Alive
	// Dead: it has ended, for certain.
	Dead
)

// String returns the name of the state.
func (s State) String() string { return [...]string{"unknown", "alive", "dead"}[s] }

// State returns what is known of the process with the identity other. The receiver
// must be the identity of the calling process, because its /proc is asked.
//
// Dead are, on the same machine: a process of an earlier boot, a pid that does
// not exist, a pid that now belongs to a process with another start time, and
// a zombie. Alive is a process that is seen with the same pid and start time.
func (i Identity) State(other Identity) State {
	if !i.SameMachine(other) || i.BootID == "" || other.BootID == "" {
		return Unknown
	}
	if i.BootID == other.BootID {
		return processState(other.PID, other.StartTime)
	}
	if i.earlierBoot(other) {
		return Dead
	}
	return Unknown
}

// earlierBoot reports whether other belonged to another boot of this very
// machine. A machine id alone doesn't prove that: a clone of this machine has
// the same id, another boot id, and may be alive. The host name tells such
// clones apart, since two of one name can't be used in one network; and
// outside the initial pid namespace equal numbers mean nothing across boots.
func (i Identity) earlierBoot(other Identity) bool {
	return i.Hostname != "" && i.Hostname == other.Hostname &&
		i.PIDNamespace == initialPIDNamespace
}

// processState returns the state of the process that had this pid and start time.
// kill(2) with signal 0 is asked first: under hidepid= (proc(5)) or systemd's
// ProtectProc= the processes of other users are missing from /proc although
// they live, and kill then says EPERM where a dead pid gives ESRCH. One that exists and
// cannot be seen may be ours, or another user's that has got the pid since.
func processState(pid int, start uint64) State {
	if pid <= 0 { // kill(2) gives these another meaning: process groups
		return Unknown
	}
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return Dead
	}
	st, err := ReadStat(pid)
	switch {
	case err != nil:
		return Unknown
	case st.StartTime != start || st.Ended():
		return Dead
	default:
		return Alive
	}
}
