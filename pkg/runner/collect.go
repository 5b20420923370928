package runner

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// tick is how often the leader is looked at where there is no pidfd that would tell,
// and how often a process group that has lost its leader is looked at, at most.
const tick = 20 * time.Millisecond

// collect reads both streams until they end and the leader has ended. It reports
// whether someone else still held a stream when all that counts was read.
func (p *Process) collect() (leftovers bool) {
	for p.open() && !p.exited {
		p.events.wait(p.deadline(), p.turn)
		p.lookAtLeader()
	}
	if p.open() {
		p.collectRest()
	}
	p.awaitLeader()
	return p.open()
}

// collectRest reads on after the leader's end, while others hold the streams. All
// counts that is written until what is left of the task is at rest, or has ended, or
// a Stop has ended it. What does not come to rest within restPatience was left behind
// and is busy: then nothing counts that was written after the leader's end.
func (p *Process) collectRest() {
	p.stdout.readOwed()
	p.stderr.readOwed()
	stdout, stderr := p.stdout.tail.clone(), p.stderr.tail.clone()
	others := rest{tree: p.tree()}
	for pause := firstLook; p.open(); pause = min(2*pause, tick) {
		p.events.wait(time.Now().Add(pause), p.readOnce)
		switch {
		case p.held(): // those that a Stop terminates may still have something to say
		case p.empty() && others.reached() && p.empty():
			return
		case time.Since(p.exitedAt) > restPatience:
			p.stdout.tail, p.stderr.tail = stdout, stderr
			return
		}
	}
}

// empty reports whether nothing is in either pipe: whoever holds one is not kept
// from writing by us.
func (p *Process) empty() bool { return p.stdout.empty() && p.stderr.empty() }

// readOnce reads what there is, once from each stream, and reports whether both have
// ended. It always leaves time to look at those who write.
func (p *Process) readOnce() (over bool) {
	var list [3]unix.EpollEvent
	for _, ev := range list[:p.events.pending(list[:])] {
		switch ev.Fd {
		case onStdout:
			p.read(&p.stdout, ev.Events)
		case onStderr:
			p.read(&p.stderr, ev.Events)
		}
	}
	return !p.open()
}

func (p *Process) open() bool { return p.stdout.fd >= 0 || p.stderr.fd >= 0 }

// turn handles what has happened. It returns true when collect has to look at
// the state again: all is read, the leader has ended, or the deadline is another one.
func (p *Process) turn() bool {
	var list [3]unix.EpollEvent
	for p.open() && !p.exited {
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
	return !p.exited && time.Since(p.started) >= tick && p.openPidfd()
}

// openPidfd has the leader watched through a pidfd, and reports whether that is new.
func (p *Process) openPidfd() bool {
	if p.noPidfd || p.pidfd >= 0 {
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

// awaitLeader waits until the leader has ended, without reaping it. A task that has
// closed its streams may run for days: no thread waits for it.
func (p *Process) awaitLeader() {
	for !p.exited {
		if p.leaderEnded() {
			p.leaderSeenDead()
			return
		}
		p.openPidfd()
		var deadline time.Time
		if p.noPidfd {
			deadline = time.Now().Add(tick)
		}
		p.events.wait(deadline, func() bool {
			var list [1]unix.EpollEvent
			return p.events.pending(list[:]) > 0
		})
	}
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
