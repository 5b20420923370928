package runner

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writer is a pipe whose read end is a stream of a task.
type writer struct {
	stream
	end int
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	w := &writer{}
	var err error
	if w.end, err = w.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFD(&w.end) })
	return w
}

// write writes one byte. It reports whether there is a reader: Go programs get an
// error instead of SIGPIPE.
func (w *writer) write(t *testing.T) bool {
	t.Helper()
	_, err := unix.Write(w.end, []byte("x"))
	if err != nil && !errors.Is(err, unix.EPIPE) {
		t.Fatal(err)
	}
	return err == nil
}

// untilEmpty waits until all written bytes are read.
func (w *writer) untilEmpty(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if n, err := unix.IoctlGetInt(w.end, unix.TIOCINQ); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d bytes are not read (%v)", n, err)
		} else if n == 0 {
			return
		}
	}
}

// At the limit the stream that was silent for longest is closed. The first time, the
// drain reports it.
func TestDrainClosesTheMostSilent(t *testing.T) {
	var told []int
	d, err := newDrain(2, func(kept int) { told = append(told, kept) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, b, c, e := newWriter(t), newWriter(t), newWriter(t), newWriter(t)
	d.take(&a.stream)
	d.take(&b.stream)
	if !a.write(t) {
		t.Fatal("the first one has no reader")
	}
	a.untilEmpty(t) // so that the second one is the most silent
	d.take(&c.stream)
	if b.write(t) || !a.write(t) || !c.write(t) {
		t.Error("another one than the most silent was closed")
	}
	d.take(&e.stream)
	if n := d.Kept(); n != 2 {
		t.Errorf("%d are kept", n)
	}
	if len(told) != 1 || told[0] != 2 {
		t.Errorf("told %v", told)
	}
}

// Streams that are never empty are read in turns, and all together no faster than the
// limit.
func TestDrainReadsEndlessWriters(t *testing.T) {
	const writers = 3 * drainBatch
	d, err := newDrain(writers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var progress [writers]atomic.Int64
	ended := make(chan struct{})
	for n := range writers {
		w := newWriter(t)
		d.take(&w.stream)
		go func() {
			buf := make([]byte, 16<<10)
			for {
				k, err := unix.Write(w.end, buf)
				if err != nil && !errors.Is(err, unix.EINTR) {
					ended <- struct{}{}
					return
				}
				progress[n].Add(int64(max(k, 0)))
			}
		}()
	}
	const pipe = int64(len(readBuffer{}))
	began := time.Now()
	for n := range writers {
		for progress[n].Load() < 3*pipe { // more than fits: it was read at least twice
			if time.Since(began) > time.Minute {
				t.Fatalf("writer %d is stuck at %d bytes", n, progress[n].Load())
			}
			time.Sleep(time.Millisecond)
		}
	}
	var total int64
	for n := range writers {
		total += progress[n].Load()
	}
	turns := int64(time.Since(began)/drainPause) + 2
	if most := writers*pipe + turns*drainBatch*pipe; total > most {
		t.Errorf("%d bytes were written in %d turns, want %d at most", total, turns, most)
	}
	go d.Close()
	for range writers {
		<-ended
	}
}

// A pipe is closed, as without a drain, if it cannot be watched or the drain is closed.
func TestDrainTakesNothingAfterItsEnd(t *testing.T) {
	d, err := newDrain(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	w := newWriter(t)
	d.take(&w.stream)
	if w.write(t) || w.fd != -1 {
		t.Error("it is open")
	}
}
