package runner

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Group is a control group, or whatever else the kernel keeps processes in that
// none of them leaves by a fork. It is for one task alone.
type Group interface {
	// FD is the descriptor for CLONE_INTO_CGROUP, clone(2), open for as long as
	// Start takes. The leader begins its life in the group, so that there is no
	// moment at which it could have forked outside.
	FD() int
	// PIDs lists the processes in it that have not ended.
	PIDs() ([]int, error)
	// Kill sends SIGKILL to all of them at once. One that forks meanwhile is no
	// reason to call it again.
	Kill() error
}

// inside returns the members that the kernel keeps together.
func (t *tree) inside() map[int]bool {
	members := make(map[int]bool)
	if t.contained == nil {
		return members
	}
	pids, _ := t.contained.PIDs() // the others are found all the same
	for _, pid := range pids {
		members[pid] = true
	}
	return members
}

// endLeftovers looks what the leader has left behind, and ends it where the task
// is set up so. It comes before reap: process groups can't be signalled later.
// Returned is how many processes there were. It is 0 after a Stop, which leaves
// nothing, and where only countLeftovers can tell.
func (p *Process) endLeftovers() int {
	group := p.spec.Group
	if group == nil && !p.spec.KillLeftovers || !p.beginEnding() {
		return 0
	}
	if group != nil {
		if pids, err := group.PIDs(); err == nil && len(pids) == 0 || !p.spec.KillLeftovers {
			return len(pids)
		}
	}
	t := p.tree()
	left, err := t.find()
	if err == nil && len(left) == 0 {
		return 0
	}
	p.end(context.Background(), t, p.spec.LeftoverGrace)
	return len(left)
}

// beginEnding makes a Stop hasten the end of what was left behind from now on.
// It returns false when a Stop has begun already.
func (p *Process) beginEnding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = !p.stopping && p.spec.KillLeftovers
	return !p.stopping
}

// countLeftovers counts what the leader has left behind where neither a group nor
// a search for every task tells. It searches only where something shows that
// there is somebody: the process group is not empty, or a stream is held open.
// It comes after reap, because an unreaped leader is a member of its group.
func (p *Process) countLeftovers() {
	o := &p.outcome
	if p.spec.Group != nil || p.spec.KillLeftovers || p.Stopped() {
		return
	}
	if !o.Leftovers && errors.Is(unix.Kill(-p.pid, 0), unix.ESRCH) {
		return
	}
	left, _ := p.tree().find()
	o.LeftBehind = len(left)
}
