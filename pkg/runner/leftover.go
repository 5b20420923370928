package runner

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// lastMoments is how long those may take to end that end with the leader, such
// as the rest of a pipeline or a shell's process substitution: they are nothing
// that was left behind.
const lastMoments = 100 * time.Millisecond

// endLeftovers looks what the leader has left behind, and ends it where the task
// is set up so. It comes before reap: process groups can't be signalled later.
// Returned is how many processes there were. It is 0 after a Stop, which leaves
// nothing, and where only countLeftovers can tell.
func (p *Process) endLeftovers() int {
	group := p.spec.Group
	if group == nil && !p.spec.KillLeftovers || !p.beginEnding() {
		return 0
	}
	t := p.tree()
	left := 0
	look := func() bool {
		var err error
		if group != nil {
			var pids []int
			pids, err = group.PIDs()
			left = len(pids)
		} else {
			var found []host.Stat
			found, err = t.find()
			left = len(found)
		}
		return left == 0 && !Transient(err)
	}
	if !soon(look) && p.spec.KillLeftovers {
		members, _ := t.find()
		p.end(context.Background(), t, members, p.spec.LeftoverGrace)
	}
	return left
}

// beginEnding returns false when a Stop has begun already, and makes one that
// begins from now on hasten the end of what was left behind.
func (p *Process) beginEnding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = !p.stopping && p.spec.KillLeftovers
	return !p.stopping
}

// countLeftovers counts what the leader has left behind where neither a group nor
// a search after every task tells. It searches only where something shows that
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
	t := p.tree()
	soon(func() bool {
		left, _ := t.find()
		o.LeftBehind = len(left)
		return len(left) == 0
	})
}

// soon reports whether something is so, now or in a moment.
func soon(ok func() bool) bool {
	for until := time.Now().Add(lastMoments); ; time.Sleep(lastMoments / 10) {
		if ok() {
			return true
		}
		if time.Now().After(until) {
			return false
		}
	}
}
