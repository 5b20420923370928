package runner

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// WaitDelay is how long the output of a task is still read after its
	// leader has ended, while a process that it left behind holds stdout or
	// stderr open. Everything that the leader itself wrote is in the pipes by
	// then, and is read first, however long that takes: the delay is only for
	// what others may add. Gordon 1 waited for them for ever.
	WaitDelay = 500 * time.Millisecond

	// tick is how often the leader is looked at where there is no pidfd that
	// would tell, and how often a held Wait looks whether it still is.
	tick = 20 * time.Millisecond
)

// collect reads both streams until they end and the leader has ended, or until
// WaitDelay after the leader's end. It reports whether someone still held a
// stream then.
func (p *Process) collect() (leftovers bool) {
	for p.open() && !p.expired() {
		p.events.wait(p.deadline(), p.turn)
		p.lookAtLeader()
	}
	if p.open() {
		return true
	}
	p.awaitLeader()
	return false
}

func (p *Process) open() bool { return p.stdout.fd >= 0 || p.stderr.fd >= 0 }

// turn handles what has happened. It returns true when collect has to look at
// the state again: all is read, or the deadline is another one now.
func (p *Process) turn() bool {
	var list [3]unix.EpollEvent
	for p.open() && !p.expired() {
		if p.watchLeader() {
			return true
		}
		n := p.events.pending(list[:])
		if n == 0 {
			return false
		}
		seenDead := false
		for _, ev := range list[:n] {
			switch ev.Fd {
			case onStdout:
				p.read(&p.stdout, ev.Events)
			case onStderr:
				p.read(&p.stderr, ev.Events)
			case onLeader:
				p.events.remove(p.pidfd)
				seenDead = true
			}
		}
		if seenDead { // after the reading, so that less is owed
			p.leaderSeenDead()
			return true
		}
	}
	return true
}

// watchLeader has the leader watched through a pidfd, from tick on, and reports
// whether that is new. Most tasks are over by then, and those don't pay for it:
// the pipes tell of their end, while a watched pidfd would wake us once more.
func (p *Process) watchLeader() bool {
	if p.exited || p.noPidfd || p.pidfd >= 0 || time.Since(p.started) < tick {
		return false
	}
	fd, err := unix.PidfdOpen(p.pid, 0) // not reaped, so the pid is still ours
	if err == nil {
		err = p.events.add(fd, onLeader)
	}
	if err != nil {
		closeFD(&fd)
		p.noPidfd = true
		return true
	}
	p.pidfd = fd
	return true
}

// lookAtLeader is called after a deadline; without a pidfd it is the only way
// to learn of the leader's end.
func (p *Process) lookAtLeader() {
	if !p.exited && p.noPidfd && p.leaderEnded() {
		p.leaderSeenDead()
	}
}

// deadline returns when turn must be called again although nothing happens.
func (p *Process) deadline() time.Time {
	switch {
	case p.exited:
		if over := p.exitedAt.Add(WaitDelay); time.Now().Before(over) {
			return over
		}
		return time.Now().Add(tick)
	case p.pidfd >= 0:
		return time.Time{}
	case p.noPidfd:
		return time.Now().Add(tick)
	}
	return p.started.Add(tick)
}

// read takes what an event promises from a stream.
func (p *Process) read(s *stream, events uint32) {
	if s.read(events) {
		p.events.remove(s.fd)
		s.close()
	}
}

// expired reports whether a task whose leader has ended has been read for long
// enough. A Stop under way is waited for: those that it terminates may still
// have something to say.
func (p *Process) expired() bool {
	return p.exited && time.Since(p.exitedAt) >= WaitDelay && p.stdout.settled() && p.stderr.settled() && !p.held()
}

// awaitLeader blocks until the leader has ended, without reaping it.
func (p *Process) awaitLeader() {
	if p.exited {
		return
	}
	_ = retryEINTR(func() error { // ECHILD, the only error left, is reap's to report
		return unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	})
	p.leaderSeenDead()
}

// leaderSeenDead notes the end, and how much of the leader's output is still
// to be read.
func (p *Process) leaderSeenDead() {
	p.exited, p.exitedAt = true, time.Now()
	p.stdout.noteOwed()
	p.stderr.noteOwed()
}

// retryEINTR calls f until it isn't interrupted by a signal.
func retryEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
