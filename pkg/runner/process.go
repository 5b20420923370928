package runner

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a started task: its leader, and the tree that grows from it.
// Start returns it. All methods may be called from any goroutine.
type Process struct {
	// Immutable after Start.
	spec    Spec
	pid     int // of the leader, and the id of its process group
	started time.Time

	// Owned by the goroutine that is inside Wait.
	waiting        sync.Mutex
	stdout, stderr stream
	events         *events
	pidfd          int       // of the leader, -1 until it is needed
	noPidfd        bool      // the kernel has no pidfds
	exited         bool      // the end of the leader was noticed
	exitedAt       time.Time // the time of that
	over           bool      // Wait has finished
	outcome        Outcome   // valid once over is true

	// Shared, guarded by mu.
	mu       sync.Mutex
	idle     *sync.Cond // holds went to 0
	holds    int        // the number of callers that need the leader's pid reserved
	reaped   bool       // the pid may belong to another process now
	stopping bool       // a Stop has begun
	ending   bool       // left-over processes are being ended
}

func newProcess(spec Spec) *Process {
	p := &Process{
		spec:   spec,
		pidfd:  -1,
		stdout: stream{fd: -1},
		stderr: stream{fd: -1},
	}
	p.idle = sync.NewCond(&p.mu)
	return p
}

// PID returns the process id of the leader, which is the id of the task's
// process group as well.
func (p *Process) PID() int { return p.pid }

// Wait reads the output of the process until it has ended and its output is
// read, and returns its outcome. Processes that it leaves behind may go on writing to its
// streams if there is a Drain; see Outcome.Leftovers for the output that counts. While a
// Stop runs, Wait also waits for that, so that no process of a stopped task is left when
// Wait returns.
//
// Wait does the reading itself: a process that prints more than a pipe holds
// blocks until a goroutine is inside Wait. Wait must be called, or descriptors
// and a zombie remain. It may be called several times, also at the same time;
// each call returns the same outcome.
func (p *Process) Wait() Outcome {
	p.waiting.Lock()
	defer p.waiting.Unlock()
	if p.over {
		return p.outcome
	}
	held := p.collect()
	if p.spec.Drain != nil {
		// Now, because processes that are ended below must not wait for a reader.
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
	p.over = true
	return p.outcome
}

// reap waits for the leader. From then on the kernel may give its pid
// to another process. A caller that still needs the pid has a hold, and reap waits for it.
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
// group's id cannot be given to others. It returns false if the leader is reaped already.
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

// held reports whether a caller has a hold.
func (p *Process) held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holds > 0
}

// leaderEnded reports whether the leader has ended, without reaping it. The caller must
// have a hold, or be inside Wait.
func (p *Process) leaderEnded() bool {
	info, err := p.peek()
	return err != nil || info.Signo != 0
}

// peek returns the leader's end without reaping it. Signo is 0 while the leader lives.
func (p *Process) peek() (info childInfo, err error) {
	err = retryEINTR(func() error {
		return unix.Waitid(unix.P_PID, p.pid, &info.Siginfo, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	})
	return info, err
}
