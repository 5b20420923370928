package runner

import (
	"context"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exitOfSignal is the number that a shell adds to that of a signal that has ended its
// command. Programs that catch a signal exit with the same sum.
const exitOfSignal = 128

// sharedSignal reports whether the leader was ended by a signal that the daemon received
// as well, and then ends the rest of the task; see Spec.DaemonGot. The
// task counts as stopped from then on. sharedSignal comes before reap, because process
// groups cannot be signalled later.
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
	members, _ := t.Find() // the wait for the tree's end shows an error
	p.end(context.Background(), t, members, p.spec.LeftoverGrace)
	return true
}

// endingSignal returns the signal that has ended the leader or, by its exit status, the
// leader's last command; 0 is none.
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

// childInfo is the result of waitid(2) for a child.
type childInfo struct{ unix.Siginfo }

// status returns si_status, the exit status or the number of the signal. It follows
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
