package runner

import (
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	// Path of the script or program; argv[0] is the same. It is not looked up
	// in PATH.
	Path string
	// Args are the arguments after argv[0], passed on byte for byte.
	Args []string
	// Env is the complete environment, "NAME=value"; see taskenv.Build. Nothing is
	// added to it.
	Env []string
	// Marker is the value of GORDON_TASK_ID in Env. It identifies the task's
	// processes wherever they go. If empty, only the process group and its
	// descendants are known.
	Marker string
	// Stdin is what the process reads as its standard input; nil is nothing.
	Stdin []byte

	Attributes
	// Gate is the one that all starts of this daemon pass. It may be nil where
	// none of them sets OOMScoreAdj.
	Gate *Gate
	// Reserve is that of the daemon; nil is for a program that starts few processes.
	Reserve *Reserve
	// Group keeps the task's processes together, so that none gets away; nil
	// where there is no such thing.
	Group Group
	// Drain keeps the streams that left-over processes hold. Without one they are
	// closed when Wait returns, and a process that goes on writing gets SIGPIPE.
	Drain *Drain
	// KillLeftovers says that what the leader leaves behind is ended: SIGTERM,
	// and after LeftoverGrace SIGKILL.
	KillLeftovers bool
	LeftoverGrace time.Duration
	// DaemonGot reports whether the daemon has got this signal as well, in the same
	// moment, and may wait for that. It is asked by Wait when a signal has ended
	// the leader, or it has exited with 128 and the number of one. If so, the task
	// was stopped: what is left of its tree is ended, as by KillLeftovers, and
	// Outcome.SharedSignal is true. nil is for no.
	DaemonGot func(sig syscall.Signal) bool
}
