// Package netlimit bounds the number of connections that a server has at once. It must
// not know their purpose.
package netlimit

import (
	"net"
	"sync"
)

// Listener accepts a limited number of connections at once. Further ones wait in the
// kernel's backlog, where they cost this process nothing (listen(2)).
type Listener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

// New returns l with a limit of n connections.
func New(l net.Listener, n int) *Listener {
	return &Listener{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

// Crowded reports whether more than half of the places are in use. A server should not
// keep idle connections then.
func (l *Listener) Crowded() bool { return len(l.places) > cap(l.places)/2 }

// Accept implements net.Listener. It waits for a free place first.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &conn{Conn: c, release: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener. It ends an Accept that waits for a place, too.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// conn releases its place when it is closed.
type conn struct {
	net.Conn
	release func()
}

func (c *conn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite is called by net/http before it closes the connection of a client that
// still sends, so that the client can read the answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
