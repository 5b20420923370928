package runner

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How fast a Drain reads: drainBatch streams in each drainPause, and of each what fits
// into a pipe, 64 KiB: 1.25 MiB/s of one stream, and 80 MiB/s of all. A process that
// writes faster waits, as for any slow reader, and does not keep the daemon busy. The
// kernel reports those first that it did not report the last time (epoll_wait(2)), so
// that none is left out for ever.
const (
	drainPause = 50 * time.Millisecond
	drainBatch = 64
)

// drainShare is which part of the descriptors that this process may have
// (RLIMIT_NOFILE) a Drain keeps at most.
const drainShare = 4

// Drain keeps the streams of tasks that have ended and left a process behind that
// may still write to them: it reads and discards what that writes, until the last
// writer is gone. Without a reader, the first byte would end the process (SIGPIPE).
//
// All streams have one goroutine and one epoll instance; each costs its descriptor.
// Their number has a bound. Beyond it the stream is closed that has been silent for
// longest: its process is the least likely to write, and only who writes gets the
// SIGPIPE. Close closes all of them.
//
// A nil Drain keeps nothing.
type Drain struct {
	limit  int
	full   func(kept int)
	events *events
	ended  chan struct{}
	wake   int // eventfd(2), readable after Close

	mu     sync.Mutex
	kept   map[int32]*list.Element // of *kept, by what epoll knows them as
	order  *list.List              // the one that was silent for longest is first
	next   int32
	told   bool
	closed bool
}

// kept is a stream in a Drain.
type kept struct {
	id int32
	fd int
}

// onWake is the event of Drain.wake; streams count from 1.
const onWake = 0

// NewDrain makes the drain of a daemon and starts its goroutine. full is called the
// first time that a stream can't be kept. Close must be called on the Drain.
func NewDrain(full func(kept int)) (*Drain, error) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, fmt.Errorf("reading the limit of descriptors: %w", err)
	}
	return newDrain(int(min(files.Cur/drainShare, 1<<20)), full)
}

func newDrain(limit int, full func(kept int)) (*Drain, error) {
	d := &Drain{limit: limit, full: full, ended: make(chan struct{}), kept: make(map[int32]*list.Element), order: list.New()}
	var err error
	if d.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("making an eventfd: %w", err)
	}
	if d.events, err = newEvents(); err == nil {
		if err = d.events.add(d.wake, onWake); err != nil {
			d.events.close()
		}
	}
	if err != nil {
		closeFD(&d.wake)
		return nil, err
	}
	go d.run()
	return d, nil
}

// Close closes all streams, and returns when nothing runs any more. Whoever still
// writes to one gets SIGPIPE from then on, as with any pipe whose reader has ended.
func (d *Drain) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.closed = true
	d.mu.Unlock()
	one := [8]byte{7: 1} // any number but 0 wakes
	_, _ = unix.Write(d.wake, one[:])
	<-d.ended
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.kept {
		d.drop(e)
	}
	d.events.close()
	closeFD(&d.wake)
}

// Kept returns how many streams there are.
func (d *Drain) Kept() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.kept)
}

// take takes a stream over. It closes it when it can't be kept.
func (d *Drain) take(s *stream) {
	if s.fd < 0 {
		return
	}
	fd := s.fd
	s.fd = -1
	if n, told := d.keep(fd); told && d.full != nil {
		d.full(n)
	}
}

// keep is take for the descriptor. It returns how many streams there are, and
// whether that is to be told: the first time that one was closed for want of room.
func (d *Drain) keep(fd int) (n int, tell bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.limit == 0 {
		closeFD(&fd)
		return 0, false
	}
	told := d.told
	for len(d.kept) >= d.limit {
		d.told = true
		d.drop(d.order.Front())
	}
	if d.next = max(d.next+1, onWake+1); d.kept[d.next] != nil {
		d.drop(d.kept[d.next]) // 2^31 streams ago
	}
	if d.events.add(fd, d.next) == nil {
		d.kept[d.next] = d.order.PushBack(&kept{id: d.next, fd: fd})
	} else { // no memory
		d.told = true
		closeFD(&fd)
	}
	return len(d.kept), d.told && !told
}

// drop closes a stream.
func (d *Drain) drop(e *list.Element) {
	k := d.order.Remove(e).(*kept)
	delete(d.kept, k.id)
	d.events.remove(k.fd)
	closeFD(&k.fd)
}

// run reads until Close.
func (d *Drain) run() {
	defer close(d.ended)
	events := make([]unix.EpollEvent, drainBatch)
	buf := make([]byte, len(readBuffer{}))
	for {
		n := 0
		d.events.wait(time.Time{}, func() bool {
			n = d.events.pending(events)
			return n > 0
		})
		read := false
		for _, ev := range events[:n] {
			if ev.Fd == onWake {
				return
			}
			read = d.read(ev.Fd, buf) || read
		}
		if read {
			time.Sleep(drainPause)
		}
	}
}

// read reads once from a stream, or closes it at its end and returns false.
func (d *Drain) read(id int32, buf []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.kept[id]
	if e == nil {
		return false // closed for another one since
	}
	n, err := unix.Read(e.Value.(*kept).fd, buf)
	switch {
	case n > 0:
		d.order.MoveToBack(e)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default: // the end, or an error that won't go away
		d.drop(e)
		return false
	}
	return true
}
