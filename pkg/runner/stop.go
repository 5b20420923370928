package runner

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// How often a tree that is to end is looked at: soon at first, since most end
// at once, then less and less. Each look reads all of /proc.
const (
	firstLook = 2 * time.Millisecond
	lastLook  = 200 * time.Millisecond
)

// Signal sends sig to the whole tree: the process group and every other process
// of the task that can be found. It returns os.ErrProcessDone when the leader
// has ended; what it left behind is not signalled then. Other errors say which
// processes could not be signalled (EPERM: they run as another user); the rest
// were.
func (p *Process) Signal(sig unix.Signal) error {
	if !p.hold() {
		return os.ErrProcessDone
	}
	defer p.release()
	if p.leaderEnded() {
		return os.ErrProcessDone
	}
	_, err := p.tree().signal(sig)
	return err
}

// Stop ends the task with its whole tree and returns when nothing of it is
// left: SIGTERM to all (and SIGCONT, so that stopped ones can obey), then, when
// grace is over or ctx is cancelled, SIGKILL to all that is left, until none
// is. With a grace of 0 or less, or a cancelled ctx, there is only SIGKILL.
//
// It does nothing when the task has ended by itself, unless Wait is ending what
// that left behind, which it hastens then. A second Stop may run beside the first
// one to hasten it. Someone should be inside Wait meanwhile, or a task that prints
// much can't obey.
//
// A process that doesn't die keeps Stop waiting, since its entry must not run a
// second time beside it: one that the kernel holds (it waits for a dead NFS
// server, say), or one that may not be signalled (a setuid program).
func (p *Process) Stop(ctx context.Context, grace time.Duration) {
	if !p.hold() {
		return
	}
	defer p.release()
	// A busy machine takes its time for the search, in which the leader may end by
	// itself: only what follows decides whether it was stopped.
	t := p.tree()
	members, _ := t.find()
	if p.beginStop() {
		p.end(ctx, t, members, grace)
	}
}

// end is Stop without its preconditions: members are those of the tree that were
// found just before. The leader must not be reaped meanwhile.
func (p *Process) end(ctx context.Context, t *tree, members []host.Stat, grace time.Duration) {
	// An error is a process that can't be signalled; the waits show it.
	if grace <= 0 || ctx.Err() != nil {
		_ = t.send(members, unix.SIGKILL)
	} else {
		ctx, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		_ = t.send(members, unix.SIGTERM, unix.SIGCONT)
		if p.goneBefore(ctx, t) {
			return
		}
	}
	p.kill(t)
}

// beginStop reports whether there is something to stop: a leader that lives, or
// whose end another Stop has brought about, or what it left behind. The first
// signal has to follow at once, or the leader ends by itself in between and is
// taken for stopped.
func (p *Process) beginStop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return true
	}
	if !p.stopping && p.leaderEnded() {
		return false
	}
	p.stopping = true
	return true
}

// Stopped reports whether a Stop found the task running, so that its end need
// not be its own doing. After Wait it no longer changes.
func (p *Process) Stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// goneBefore waits for the tree's end and reports whether that came before
// ctx's. While the leader lives, the others needn't be looked for.
func (p *Process) goneBefore(ctx context.Context, t *tree) bool {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if p.leaderEnded() && t.gone() {
			return true
		}
		if !sleep(ctx, pause) {
			return false
		}
	}
}

// kill sends SIGKILL to the tree until nothing is left of it.
func (p *Process) kill(t *tree) {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		found, _ := t.signal(unix.SIGKILL) // an error shows by being found again
		if found == 0 && p.leaderEnded() && t.gone() {
			return
		}
		sleep(context.Background(), pause)
	}
}

// sleep waits for d, and reports whether ctx is still good then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
