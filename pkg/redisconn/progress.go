package redisconn

import (
	"net"
	"sync"
	"time"
)

// progressConn is a connection whose time-outs bound the silence, not the whole of a
// request or answer. An entry of 512 MB takes a minute on many networks; if its
// connection were given up after 5 s each time, it would never arrive.
type progressConn struct {
	net.Conn
	silence time.Duration

	mu sync.Mutex
	// busy learns of every deadline that is set. It is nil if nobody watches the
	// goroutine that uses the connection, and after Close: redigo may still set a
	// deadline then, in a goroutine that it does not wait for.
	busy *Busy
}

const (
	// sizeable is how many bytes in one read(2) make it likely that more follow: most
	// of the content of a packet. Small answers, nearly all of them, cost nothing more.
	sizeable = 1 << 10
	// portion is how much may be written within one silence.
	portion = 256 << 10
)

// Read extends the deadline after it has read a good part of something large.
func (p *progressConn) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n >= sizeable && err == nil {
		err = p.SetReadDeadline(time.Now().Add(p.silence))
	}
	return n, err
}

// Write extends the deadline after each portion.
func (p *progressConn) Write(b []byte) (written int, err error) {
	for len(b) > portion && err == nil {
		var n int
		n, err = p.Conn.Write(b[:portion])
		written += n
		b = b[n:]
		if err == nil {
			err = p.SetWriteDeadline(time.Now().Add(p.silence))
		}
	}
	if err != nil {
		return written, err
	}
	n, err := p.Conn.Write(b)
	return written + n, err
}

func (p *progressConn) extend(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy.extend(t)
}

// detach ends the reports to busy.
func (p *progressConn) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = nil
}

// Close implements net.Conn.
func (p *progressConn) Close() error {
	p.detach()
	return p.Conn.Close()
}

// SetDeadline implements net.Conn.
func (p *progressConn) SetDeadline(t time.Time) error {
	p.extend(t)
	return p.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (p *progressConn) SetReadDeadline(t time.Time) error {
	p.extend(t)
	return p.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (p *progressConn) SetWriteDeadline(t time.Time) error {
	p.extend(t)
	return p.Conn.SetWriteDeadline(t)
}
