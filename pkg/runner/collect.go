package runner

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/proctree"
)

// tick is the interval for looking at the leader without a pidfd, and the longest
// interval for looking at a process group that has lost its leader.
const tick = 20 * time.Millisecond

const (
	// restTimeout limits the time, after the leader's end, in which Wait looks whether
	// the rest of the task comes to rest.
	restTimeout = 2 * time.Second
	// firstRestPause is the first pause between two such looks.
	firstRestPause = 2 * time.Millisecond
)

// collect reads both streams until they end and the leader has ended. It reports
// whether another process still held a stream when all output that counts was read.
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

// collectRest reads on after the leader's end, while other processes hold the streams.
// Their output counts until all of them are at rest, have ended, or a Stop has ended
// them. If they do not come to rest within restTimeout, they were left behind
// and are busy. Then output after the leader's end does not count.
func (p *Process) collectRest() {
	p.stdout.readUnread()
	p.stderr.readUnread()
	stdout, stderr := p.stdout.tail.clone(), p.stderr.tail.clone()
	others := proctree.Rest{Tree: p.tree()}
	for pause := firstRestPause; p.open(); pause = min(2*pause, tick) {
		p.events.wait(time.Now().Add(pause), p.readOnce)
		switch {
		case p.held(): // processes that a Stop ends may still print
		case p.empty() && others.Reached() && p.empty():
			return
		case time.Since(p.exitedAt) > restTimeout:
			p.stdout.tail, p.stderr.tail = stdout, stderr
			return
		}
	}
}

// empty reports whether both pipes are empty: no process waits for this one to read.
func (p *Process) empty() bool { return p.stdout.empty() && p.stderr.empty() }

// readOnce reads once from each stream that has data, and reports whether both have
// ended. It never reads so long that the writers could not be looked at.
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

// turn handles the pending events. It returns true if collect has to look at
// the state again: all is read, the leader has ended, or the deadline has changed.
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
		leaderEnded := false
		for _, ev := range list[:n] {
			switch ev.Fd {
			case onStdout:
				p.read(&p.stdout, ev.Events)
			case onStderr:
				p.read(&p.stderr, ev.Events)
			case onLeader:
				p.events.remove(p.pidfd)
				leaderEnded = true
			}
		}
		if leaderEnded { // after the reading, so that less is unread
			p.noteLeaderEnd()
			return true
		}
	}
	return true
}

// watchLeader watches the leader through a pidfd, from tick on, and reports
// whether that is new. Most tasks are over by then, and save the cost: their pipes
// show their end, while a watched pidfd would cause one more event.
func (p *Process) watchLeader() bool {
	return !p.exited && time.Since(p.started) >= tick && p.openPidfd()
}

// openPidfd watches the leader through a pidfd, and reports whether that is new.
func (p *Process) openPidfd() bool {
	if p.noPidfd || p.pidfd >= 0 {
		return false
	}
	fd, err := unix.PidfdOpen(p.pid, 0) // not reaped, so the pid is still that of the leader
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

// lookAtLeader is called after a deadline. Without a pidfd nothing else notices
// the leader's end.
func (p *Process) lookAtLeader() {
	if !p.exited && p.noPidfd && p.leaderEnded() {
		p.noteLeaderEnd()
	}
}

// deadline returns the time at which turn must be called again without an event.
func (p *Process) deadline() time.Time {
	switch {
	case p.pidfd >= 0:
		return time.Time{}
	case p.noPidfd:
		return time.Now().Add(tick)
	}
	return p.started.Add(tick)
}

// read reads from a stream after an event, and closes it at its end.
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
			p.noteLeaderEnd()
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

// noteLeaderEnd notes the end of the leader, and the amount of its output that is
// still unread.
func (p *Process) noteLeaderEnd() {
	p.exited, p.exitedAt = true, time.Now()
	p.stdout.noteUnread()
	p.stderr.noteUnread()
}

// retryEINTR calls f until no signal interrupts it.
func retryEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
