package runner

import (
	"syscall"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
)

// Spec describes a process to start.
type Spec struct {
	// Path of the script or program; argv[0] is the same. It is not looked up
	// in PATH.
	Path string
	// Args are the arguments after argv[0], passed on byte for byte.
	Args []string
	// Env is the complete environment, "NAME=value"; see taskenv.Build. Start adds
	// nothing to it.
	Env []string
	// Marker is the value of GORDON_TASK_ID in Env. It identifies the task's
	// processes wherever they go. If it is empty, only the process group and its
	// descendants are known.
	Marker string
	// Stdin is the content of the process' standard input; nil is an empty one.
	Stdin []byte

	privilege.Attributes
	// Gate is shared by all starts of the daemon. It may be nil if none of them sets
	// OOMScoreAdj.
	Gate *Gate
	// Reserve is that of the daemon; nil is for a program that starts few processes.
	Reserve *capacity.Reserve
	// Group keeps the task's processes together, so that none escapes. It may be nil.
	Group Group
	// Drain keeps the streams that left-over processes hold. Without one they are
	// closed when Wait returns, and a process that goes on writing gets SIGPIPE.
	Drain *Drain
	// KillLeftovers ends the processes that the leader leaves behind: with SIGTERM,
	// and after LeftoverGrace with SIGKILL.
	KillLeftovers bool
	LeftoverGrace time.Duration
	// DaemonGot reports whether the daemon has received this signal as well, in the
	// same moment. It may wait for that. Wait calls it if a signal has ended
	// the leader, or if the leader has exited with 128 and the number of a signal. If
	// it returns true, the task was stopped: Wait ends the rest of its tree as with
	// KillLeftovers, and Outcome.SharedSignal is true. nil means false.
	DaemonGot func(sig syscall.Signal) bool
}
