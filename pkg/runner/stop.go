package runner

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
)

// Stop ends the task with its whole tree and returns when no process of it is
// left. It sends SIGTERM to all (and SIGCONT, so that stopped processes can obey), then,
// when grace is over or ctx ends, SIGKILL to the rest, until none is left. With a grace
// of 0 or less, or a ctx that has ended, there is only SIGKILL.
//
// Stop does nothing if the task has ended by itself, except that it hastens a Wait that
// ends left-over processes. A second Stop may run beside the first one to hasten it. A
// goroutine should be inside Wait meanwhile, or a task that prints much cannot obey.
//
// A process that does not die keeps Stop waiting, since its entry must not run a
// second time beside it. Such a process is held by the kernel (it waits for a dead NFS
// server, for example), or the daemon may not signal it (a setuid program).
func (p *Process) Stop(ctx context.Context, grace time.Duration) {
	if !p.hold() {
		return
	}
	defer p.release()
	// On a busy machine the search takes time, in which the leader may end by
	// itself. Only beginStop decides whether it was stopped.
	t := p.tree()
	members, _ := t.Find()
	if p.beginStop() {
		p.end(ctx, t, members, grace)
	}
}

// end is Stop without its preconditions. members are the members of the tree that were
// found just before. The leader must not be reaped meanwhile.
func (p *Process) end(ctx context.Context, t *proctree.Tree, members []host.Stat, grace time.Duration) {
	// An error is a process that cannot be signalled; the waits below show it.
	if grace <= 0 || ctx.Err() != nil {
		_ = t.Send(members, unix.SIGKILL)
	} else {
		ctx, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		_ = t.Send(members, unix.SIGTERM, unix.SIGCONT)
		if p.goneBefore(ctx, t) {
			return
		}
	}
	p.kill(t)
}

// beginStop reports whether there is something to stop: a leader that lives, a leader
// that another Stop has ended, or left-over processes that are being ended. The first
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

// Stopped reports whether a Stop found the task running, so that the task may not have
// ended by itself. After Wait it no longer changes.
func (p *Process) Stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// goneBefore waits for the tree's end and reports whether that came before
// the end of ctx. While the leader lives, it does not search for the others.
func (p *Process) goneBefore(ctx context.Context, t *proctree.Tree) bool {
	return proctree.Poll(ctx, func() bool { return p.leaderEnded() && t.Gone() })
}

// kill sends SIGKILL to the tree until no process of it is left.
func (p *Process) kill(t *proctree.Tree) {
	proctree.Poll(context.Background(), func() bool {
		found, _ := t.Signal(unix.SIGKILL) // a process that was not signalled is found again
		return found == 0 && p.leaderEnded() && t.Gone()
	})
}

// tree returns the processes of the task. The caller must have a hold, or be inside Wait.
func (p *Process) tree() *proctree.Tree {
	return proctree.New(proctree.Task{
		Leader: p.pid, Marker: p.spec.Marker, User: p.spec.User, Group: groupOf(p.spec.Group), Reserve: p.spec.Reserve,
	})
}

// groupOf returns nil for a nil Group.
func groupOf(g Group) proctree.Group {
	if g == nil {
		return nil
	}
	return g
}
