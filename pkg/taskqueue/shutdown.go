package taskqueue

import (
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
)

// confirmPatience is how long the last stage of a stop waits for Redis to take
// the results of the tasks that were stopped.
const confirmPatience = 5 * time.Second

// Shutdown ends the pool. It waits up to patience for the tasks that run, then
// stops them and puts their entries back. Each value from hasten goes on to the
// next stage at once.
func (p *Pool) Shutdown(patience, grace time.Duration, hasten <-chan struct{}) {
	p.Drain()
	stages := []struct {
		wait time.Duration
		then func()
	}{
		{patience, p.Abort},
		{grace + confirmPatience, p.Kill},
		{confirmPatience, p.GiveUp},
	}
	for _, s := range stages {
		timer := time.NewTimer(s.wait)
		select {
		case <-p.over:
			timer.Stop()
			return
		case <-hasten:
			timer.Stop()
		case <-timer.C:
		}
		s.then()
	}
	// A process that nobody can kill (another user's, or one that the kernel
	// does not let go) must not keep the daemon for ever: who restarts it finds
	// the entry in its run list, and does not run it while the process lives.
	timer := time.NewTimer(confirmPatience)
	defer timer.Stop()
	select {
	case <-p.over:
	case <-timer.C:
		p.opts.Log.Error("some processes could not be ended, leaving them behind")
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := p.ended.add(p.current.id); err != nil {
			p.opts.Log.Warn("the next gordon will take this end for a death", output.KeyError, err.Error())
		}
	}
}
