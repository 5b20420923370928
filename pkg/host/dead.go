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

// SameMachine reports whether both identities have the same non-empty machine id and the
// same pid namespace, as processes do that run on one machine and see one set of pids.
//
// If the boot ids are equal too, the processes certainly share one running kernel and
// one set of pids. Otherwise there are two doubts. Across boots only the initial pid
// namespace can be compared (see initialPIDNamespace). And an image that was cloned
// without resetting its machine id gives the same id to unrelated machines. State takes
// both into account.
func (i Identity) SameMachine(o Identity) bool {
	return i.MachineID != "" && i.MachineID == o.MachineID &&
		i.PIDNamespace != "" && i.PIDNamespace == o.PIDNamespace
}

// State is the knowledge about a process.
type State int

const (
	// Unknown: it cannot be determined here whether the process lives.
	Unknown State = iota
	// Alive: the process exists.
	Alive
	// Dead: the process has certainly ended.
	Dead
)

// String returns the name of the state.
func (s State) String() string { return [...]string{"unknown", "alive", "dead"}[s] }

// State returns the state of the process with the identity other. The receiver
// must be the identity of the calling process, because State reads its /proc.
//
// On the same machine, a process is dead if it is from an earlier boot, if its pid does
// not exist or now belongs to a process with another start time, or if it is a zombie. It
// is alive if /proc shows it with the same pid and start time.
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
// the same id, another boot id, and may be alive. The host name distinguishes such
// clones, since two machines with one name cannot be used in one network. Outside of the
// initial pid namespace equal numbers mean nothing across boots.
func (i Identity) earlierBoot(other Identity) bool {
	return i.Hostname != "" && i.Hostname == other.Hostname &&
		i.PIDNamespace == initialPIDNamespace
}

// processState returns the state of the process that had this pid and start time.
// It calls kill(2) with signal 0 first: under hidepid= (proc(5)) or systemd's
// ProtectProc= the processes of other users are missing from /proc although
// they live. kill then returns EPERM, and ESRCH for a dead pid. A process that exists and
// is invisible may be the one with this start time, or another user's that got the pid
// since.
func processState(pid int, start uint64) State {
	if pid <= 0 { // a process group to kill(2)
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
