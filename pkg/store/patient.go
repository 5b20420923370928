package store

import (
	"net"
	"time"
)

// patient is a connection on which a time-out bounds silence rather than the
// whole of an answer. An entry of 512 MB takes a minute on many a network; were
// its connection given up after 5 s each time, it would be read for ever.
type patient struct {
	net.Conn
	silence time.Duration
	// progress, if set, is called whenever another silence is granted.
	progress func()
}

const (
	// sizeable is how many bytes in one read(2) make it likely that there are
	// more to come: most of what a packet holds. The small answers, nearly all,
	// cost nothing more.
	sizeable = 1 << 10
	// portion is how much may be written within one silence.
	portion = 256 << 10
)

// Read grants another silence when it has read a good part of something large.
func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n >= sizeable && err == nil {
		err = p.grant(p.Conn.SetReadDeadline)
	}
	return n, err
}

func (p *patient) grant(setDeadline func(time.Time) error) error {
	if p.progress != nil {
		p.progress()
	}
	return setDeadline(time.Now().Add(p.silence))
}

// Write grants each portion a silence of its own.
func (p *patient) Write(b []byte) (written int, err error) {
	for len(b) > portion && err == nil {
		var n int
		n, err = p.Conn.Write(b[:portion])
		written += n
		b = b[n:]
		if err == nil {
			err = p.grant(p.Conn.SetWriteDeadline)
		}
	}
	if err != nil {
		return written, err
	}
	n, err := p.Conn.Write(b)
	return written + n, err
}
