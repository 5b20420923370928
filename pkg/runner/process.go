package runner

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a started task: its leader, and the tree that grows from it.
// Start makes it. All methods may be called from any goroutine.
type Process struct {
	// Immutable after Start.
	spec    Spec
	pid     int // of the leader, and the id of its process group
	started time.Time
	done    chan struct{}

	// Owned by the goroutine that is inside Wait.
	waiting        sync.Mutex
	stdout, stderr stream
	events         *events
	pidfd          int       // of the leader, -1 until it is needed
	noPidfd        bool      // the kernel has none to give
	exited         bool      // the leader was seen dead
	exitedAt       time.Time // when
	outcome        Outcome   // valid once done is closed

	// Shared, guarded by mu.
	mu       sync.Mutex
	idle     *sync.Cond // holds went to 0
	holds    int        // how many need the leader's pid reserved
	reaped   bool       // the pid may be someone else's now
	stopping bool       // a Stop has begun
	ending   bool       // what the leader left behind is being ended
}

func newProcess(spec Spec) *Process {
	p := &Process{
		spec:   spec,
		pidfd:  -1,
		stdout: stream{fd: -1},
		stderr: stream{fd: -1},
		done:   make(chan struct{}),
	}
	p.idle = sync.NewCond(&p.mu)
	return p
}

// PID returns the process id of the leader, which is the id of the task's
// process group as well.
func (p *Process) PID() int { return p.pid }

// StartedAt returns when the process was started.
func (p *Process) StartedAt() time.Time { return p.started }

// Done returns a channel that is closed when Wait is through.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait reads what the process prints until it has ended and its output is
// read, and returns how it went. What it leaves behind may go on writing to its
// streams where there is a Drain; see Outcome.Leftovers for what counts. While a Stop is under way it also waits for
// that, so that nothing of a stopped task is left when Wait returns.
//
// Wait does the reading itself: a process that prints more than a pipe holds
// stands still until someone is inside Wait. It must be called, or descriptors
// and a zombie are left. It may be called several times, at the same time too;
// each call returns the same outcome.
func (p *Process) Wait() Outcome {
	p.waiting.Lock()
	defer p.waiting.Unlock()
	select {
	case <-p.done:
	default:
		held := p.collect()
		if p.spec.Drain != nil {
			// Now, for whoever is ended below must not wait for a reader.
			p.spec.Drain.take(&p.stdout)
			p.spec.Drain.take(&p.stderr)
		}
		shared := p.sharedSignal()
		left := p.endLeftovers()
		p.outcome = p.reap()
		p.outcome.Leftovers, p.outcome.LeftBehind, p.outcome.SharedSignal = held, left, shared
		p.countLeftovers()
		if group := p.spec.Group; group != nil {
			p.outcome.account(group)
		}
		p.closeAll()
		p.outcome.Stdout, p.outcome.Stderr = p.stdout.tail.output(), p.stderr.tail.output()
		close(p.done)
	}
	return p.outcome
}

// reap takes the leader's end from the kernel. From then on its pid is free
// for others; whoever still needs it has a hold, and is waited for.
func (p *Process) reap() Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.holds > 0 {
		p.idle.Wait()
	}
	var (
		status syscall.WaitStatus
		usage  syscall.Rusage
	)
	err := retryEINTR(func() error {
		_, err := syscall.Wait4(p.pid, &status, 0, &usage)
		return err
	})
	p.reaped = true
	return newOutcome(p.exitedAt.Sub(p.started), status, &usage, err)
}

// hold keeps the leader unreaped until release, so that its pid and its
// group's id can't be given to others. It fails when that has passed already.
func (p *Process) hold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return false
	}
	p.holds++
	return true
}

func (p *Process) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holds--; p.holds == 0 {
		p.idle.Broadcast()
	}
}

// held reports whether someone has a hold.
func (p *Process) held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holds > 0
}

// leaderEnded asks the kernel whether the leader has ended, without reaping
// it. Only for those who have a hold, or are inside Wait.
func (p *Process) leaderEnded() bool {
	info, err := p.peek()
	return err != nil || info.Signo != 0
}

// peek asks for the leader's end without reaping it; Signo is 0 while it lives.
func (p *Process) peek() (info childInfo, err error) {
	err = retryEINTR(func() error {
		return unix.Waitid(unix.P_PID, p.pid, &info.Siginfo, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	})
	return info, err
}
