package taskqueue

import (
	"context"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
)

// confirmTimeout is how long the last stage of a stop waits until Redis has taken the
// results of the tasks that were stopped.
const confirmTimeout = 5 * time.Second

// stopSignal is a context that ends when it is stopped.
type stopSignal struct {
	ctx  context.Context
	stop context.CancelFunc
}

func newStopSignal() stopSignal { return stopSignal{ctx: context.Background()}.child() }

// child returns a signal that ends with this one, or before.
func (s stopSignal) child() stopSignal {
	ctx, stop := context.WithCancel(s.ctx)
	return stopSignal{ctx, stop}
}

// stopStages are the stages of a stop, each harder than the one before: take no entries,
// stop the tasks, kill them, do not wait for Redis.
type stopStages struct{ drain, abort, kill, giveUp stopSignal }

func newStopStages() *stopStages {
	return &stopStages{newStopSignal(), newStopSignal(), newStopSignal(), newStopSignal()}
}

// Drain takes no entries from now on. The pool has ended when all running tasks have ended
// and Redis has their results.
func (p *Pool) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.current.retire()
	p.stages.drain.stop()
	go func() {
		p.running.Wait()
		close(p.over)
	}()
}

// Abort drains, and stops the tasks that run: SIGTERM to the whole tree, SIGKILL after
// kill_grace. Their entries go back to the head of their queues.
func (p *Pool) Abort() {
	p.Drain()
	p.stages.abort.stop()
}

// Kill aborts without any grace.
func (p *Pool) Kill() {
	p.Abort()
	p.stages.kill.stop()
}

// GiveUp kills, and does not wait until Redis has taken the results: the entries stay in
// their run lists, and run again after the next start.
func (p *Pool) GiveUp() {
	p.Kill()
	p.stages.giveUp.stop()
}

// Shutdown ends the pool. It waits up to patience for the tasks that run, then stops them
// and puts their entries back. Each value from faster goes on to the next stage at once.
func (p *Pool) Shutdown(patience, grace time.Duration, faster <-chan struct{}) {
	p.Drain()
	stages := []struct {
		wait time.Duration
		then func()
	}{
		{patience, p.Abort},
		{grace + confirmTimeout, p.Kill},
		{confirmTimeout, p.GiveUp},
	}
	for _, s := range stages {
		timer := time.NewTimer(s.wait)
		select {
		case <-p.over:
			timer.Stop()
			return
		case <-faster:
			timer.Stop()
		case <-timer.C:
		}
		s.then()
	}
	p.leaveBehind()
}

// leaveBehind waits a last time for the pool to end. A process that nobody can kill (of
// another user, or blocked in the kernel) must not keep the daemon for ever: the next
// daemon finds the entry in its run list, and does not run it while the process lives.
func (p *Pool) leaveBehind() {
	timer := time.NewTimer(confirmTimeout)
	defer timer.Stop()
	select {
	case <-p.over:
		return
	case <-timer.C:
	}
	p.opts.Log.Error("some processes could not be killed; they remain")
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ended.Add(p.current.id); err != nil {
		p.opts.Log.Warn("recording the clean stop failed; the next start will treat it as a crash", output.KeyError, err.Error())
	}
}
