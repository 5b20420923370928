package runner

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Drain reads from drainBatch streams in each drainPause, and from each the content of
// a pipe, 64 KiB: 1.25 MiB/s from one stream, and 80 MiB/s from all. A process that
// writes faster waits, as for any slow reader, and does not keep the daemon busy. The
// kernel first reports the streams that it did not report the last time (epoll_wait(2)),
// so that it never leaves one out for ever.
const (
	drainPause = 50 * time.Millisecond
	drainBatch = 64
)

// drainShare divides the limit of descriptors of this process (RLIMIT_NOFILE): a Drain
// keeps a quarter of them at most.
const drainShare = 4

// Drain keeps the streams of tasks that have ended and left a process behind that
// may still write to them. It reads and discards that output until the last
// writer is gone. Without a reader, the first byte would end the process (SIGPIPE).
//
// All streams share one goroutine and one epoll instance; each costs its descriptor.
// Their number is limited. At the limit, a new stream replaces the one that has been
// silent for longest: its process is the least likely to write, and only a process that
// writes gets the SIGPIPE. Close closes all of them.
//
// A nil Drain keeps nothing.
type Drain struct {
	limit  int
	full   func(kept int)
	events *events
	ended  chan struct{}
	wake   int // eventfd(2), readable after Close

	mu     sync.Mutex
	kept   map[int32]*list.Element // of *kept, by their number in epoll events
	order  *list.List              // the stream that was silent for longest is first
	next   int32
	told   bool // full was called
	closed bool
}

// kept is a stream in a Drain.
type kept struct {
	id int32
	fd int
}

// onWake is the number of Drain.wake in epoll events; streams count from 1.
const onWake = 0

// NewDrain returns the drain of a daemon and starts its goroutine. It calls full the
// first time that a stream cannot be kept. The caller must call Close.
func NewDrain(full func(kept int)) (*Drain, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("reading the limit of descriptors: %w", err)
	}
	return newDrain(int(min(limit.Cur/drainShare, 1<<20)), full)
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

// Close closes all streams, and returns when the goroutine has ended. A process that
// still writes to one gets SIGPIPE from then on, as with any pipe whose reader has ended.
func (d *Drain) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.closed = true
	d.mu.Unlock()
	one := [8]byte{7: 1} // any number except 0 wakes
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

// Kept returns the number of streams.
func (d *Drain) Kept() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.kept)
}

// take takes over a stream, and closes it if it cannot be kept.
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

// keep is take for the descriptor. It returns the number of streams, and whether to call
// full: the first time that a stream was closed for lack of room.
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
		return false // closed in favour of another stream since
	}
	n, err := unix.Read(e.Value.(*kept).fd, buf)
	switch {
	case n > 0:
		d.order.MoveToBack(e)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default: // the end, or a lasting error
		d.drop(e)
		return false
	}
	return true
}
