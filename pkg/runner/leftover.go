package runner

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// lastMoments is the time in which processes end that end with the leader, such
// as the rest of a pipeline or a shell's process substitution. They do not count as left
// behind.
const lastMoments = 100 * time.Millisecond

// endLeftovers looks for the processes that the leader has left behind, and ends them if
// the task is configured so. It comes before reap, because process groups cannot be
// signalled later. It returns the number of processes. The number is 0 after a Stop, which
// leaves none, and if only countLeftovers can count them.
func (p *Process) endLeftovers() int {
	group := p.spec.Group
	if group == nil && !p.spec.KillLeftovers || !p.beginEnding() {
		return 0
	}
	t := p.tree()
	left := 0
	gone := func() bool {
		var err error
		if group != nil {
			var pids []int
			pids, err = group.PIDs()
			left = len(pids)
		} else {
			var found []host.Stat
			found, err = t.Find()
			left = len(found)
		}
		return left == 0 && !Transient(err)
	}
	if !waitBriefly(gone) && p.spec.KillLeftovers {
		members, _ := t.Find()
		p.end(context.Background(), t, members, p.spec.LeftoverGrace)
	}
	return left
}

// beginEnding returns false if a Stop has begun already. A Stop that begins later hastens
// the end of the left-over processes.
func (p *Process) beginEnding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = !p.stopping && p.spec.KillLeftovers
	return !p.stopping
}

// countLeftovers counts the processes that the leader has left behind if neither a group
// nor a search after every task does so. It searches only after a sign of such processes:
// the process group is not empty, or a stream is held open.
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
	waitBriefly(func() bool {
		left, _ := t.Find()
		o.LeftBehind = len(left)
		return len(left) == 0
	})
}

// waitBriefly waits until ok returns true, for lastMoments at most. It returns false if
// that does not happen.
func waitBriefly(ok func() bool) bool {
	for until := time.Now().Add(lastMoments); ; time.Sleep(lastMoments / 10) {
		if ok() {
			return true
		}
		if time.Now().After(until) {
			return false
		}
	}
}
