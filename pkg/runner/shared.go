package runner

import (
	"context"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exitOfSignal is what a shell adds to the number of a signal that has ended its
// command, and what programs that catch one exit with.
const exitOfSignal = 128

// sharedSignal ends what is left of a task whose leader was ended by a signal that
// the daemon got as well, and reports whether that is so; see Spec.DaemonGot. The
// task counts as stopped from then on. It comes before reap: process groups can't
// be signalled later.
func (p *Process) sharedSignal() bool {
	if p.spec.DaemonGot == nil || p.Stopped() {
		return false
	}
	sig := p.endingSignal()
	if sig == 0 || !p.spec.DaemonGot(sig) {
		return false
	}
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	t := p.tree()
	members, _ := t.find() // an error shows when the tree is waited for
	p.end(context.Background(), t, members, p.spec.LeftoverGrace)
	return true
}

// endingSignal returns the signal that has ended the leader, itself or, as the exit
// status says, its last command; 0 is none.
func (p *Process) endingSignal() syscall.Signal {
	info, err := p.peek()
	if err != nil || info.Signo == 0 {
		return 0
	}
	status := info.status()
	if info.Code == cldExited {
		status -= exitOfSignal
	}
	return syscall.Signal(max(status, 0))
}

// cldExited is CLD_EXITED of waitid(2).
const cldExited = 1

// childInfo is what waitid(2) says of a child.
type childInfo struct{ unix.Siginfo }

// status is si_status, the exit status or the number of the signal. It follows
// si_pid and si_uid, which begin at the next address for a pointer after the three
// numbers that unix.Siginfo names (struct siginfo in asm-generic/siginfo.h).
func (i *childInfo) status() int {
	const (
		pointer = unsafe.Sizeof(uintptr(0))
		named   = 3 * unsafe.Sizeof(int32(0))
		fields  = (named + pointer - 1) / pointer * pointer
		status  = fields + 2*unsafe.Sizeof(int32(0))
	)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&i.Siginfo), status)))
}
