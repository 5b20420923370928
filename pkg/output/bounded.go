package output

import (
	"errors"
	"time"
)

// hangTimeout bounds one write to a destination. It is longer than readerTimeout, whose
// error is more specific.
const hangTimeout = 2 * time.Second

// errHangs is the error of a write while an earlier write has not returned.
var errHangs = errors.New("no response")

// bounded does not wait for a destination that hangs, such as journald while its socket
// is full, or a file on a server that is down. Otherwise every worker that logs would
// wait, and a stop as well. While one write hangs, the following records fail at once.
// The record of the hanging write may still arrive.
type bounded struct {
	destination
	timeout time.Duration
	// pending is closed when the call that timed out returns; nil if there is none.
	pending <-chan struct{}
}

func newBounded(d destination) *bounded { return &bounded{destination: d, timeout: hangTimeout} }

func (b *bounded) write(r record) error {
	return b.call(func() error { return b.destination.write(r) })
}

// close closes the destination after the last write to it has returned.
func (b *bounded) close() error {
	last := b.pending
	if last == nil {
		return b.call(b.destination.close)
	}
	b.pending = nil
	return b.call(func() error {
		<-last
		return b.destination.close()
	})
}

func (b *bounded) call(f func() error) error {
	if b.pending != nil {
		select {
		case <-b.pending:
			b.pending = nil
		default:
			return errHangs
		}
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = f()
	}()
	timer := time.NewTimer(b.timeout)
	defer timer.Stop()
	select {
	case <-done:
		return err
	case <-timer.C:
		b.pending = done
		return errHangs
	}
}
