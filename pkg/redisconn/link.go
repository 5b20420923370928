package redisconn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Link is a connection that is replaced after it broke. It belongs to one goroutine,
// except for BusyUntil. [Client.Link] makes one.
type Link struct {
	client *Client
	conn   *Conn
	// ready is set once conn is announced and fit for use.
	ready bool
	// used is when conn was last known to work.
	used time.Time
	// lost are connections that broke and that the server may still serve.
	lost []ref
	// busy is handed to each connection. Other goroutines may read it.
	busy Busy
	// urgent links do not pause after the server had no place for a connection.
	urgent bool
}

// Link returns a link that connects when it is first used. An urgent one also connects
// while the others pause, after the server had no place for one of them (maxclients).
func (c *Client) Link(urgent bool) *Link { return &Link{client: c, urgent: urgent} }

// BusyUntil returns the time until which a Use of the link may wait for Redis, or the
// zero time if there is none at the moment. Every step of a Use extends it by the
// time-out of that step: reading a password, connecting, each command, and each part
// of something large. So the caller needs to know neither how many steps there are nor
// how long they take. Any goroutine may call it.
func (l *Link) BusyUntil() time.Time { return l.busy.Until() }

// Use calls fn with a working connection. The error is that of fn, or the reason why
// there is no connection. Use does not try anything again.
//
// Before the first use of a new connection it fences the lost ones. Otherwise a command
// that the server has yet to read from a lost connection could change what fn reads now.
func (l *Link) Use(ctx context.Context, fn func(*Conn) error) error {
	defer l.busy.Rest()
	if err := l.connect(ctx); err != nil {
		return err
	}
	err := fn(l.conn)
	l.used = time.Now()
	if err != nil && l.conn.abandoned.Load() {
		err = fmt.Errorf("%w: %w", ErrMoved, err)
	}
	return l.afterUse(err)
}

// connect makes sure that there is a connection, and that it is fit for use.
func (l *Link) connect(ctx context.Context) error {
	if l.conn != nil && l.conn.abandoned.Load() {
		_ = l.Close() // it was closed while it was idle
	}
	if l.conn != nil && l.client.MayBeLost(l.used) {
		_, _ = l.conn.Do("PING")
		if l.conn.Broken() {
			l.drop()
		}
	}
	if l.conn == nil {
		if err := l.dial(ctx); err != nil {
			return err
		}
	}
	return l.afterUse(l.prepare())
}

func (l *Link) dial(ctx context.Context) error {
	if err := l.client.refusal.current(); err != nil && !l.urgent {
		return err
	}
	conn, err := l.client.Dial(ctx, &l.busy)
	if err != nil {
		l.client.refusal.note(err)
		return err
	}
	l.conn, l.ready, l.used = conn, false, time.Now()
	conn.announce()
	return nil
}

// prepare fences the lost connections and announces a new one.
func (l *Link) prepare() error {
	for len(l.lost) > 0 {
		if err := l.conn.fence(l.lost[0]); err != nil {
			return fmt.Errorf("close a lost connection: %w", err)
		}
		l.client.open.ended(l.lost[0].id)
		l.lost = l.lost[1:]
	}
	if l.ready {
		return nil
	}
	if err := l.conn.Announce(); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	l.ready = true
	return nil
}

// afterUse gives the connection up if it broke, or leads to a server that is not the
// master.
func (l *Link) afterUse(err error) error {
	switch {
	case l.conn.Broken():
		l.drop()
	case l.conn.stale:
		// Nothing is in flight, so there is nothing to fence. The next connection finds
		// out where the master is now.
		err = errors.Join(err, l.Close())
	}
	return err
}

// drop gives a broken connection up. It has to be fenced.
func (l *Link) drop() {
	l.client.lost()
	l.lost = append(l.lost, l.conn.ref)
	_ = l.conn.close() // it is broken: closing would return the same error
	l.conn = nil
}

// Close closes the connection, if there is one.
func (l *Link) Close() error {
	if l.conn == nil {
		return nil
	}
	defer l.busy.Rest() // the end of a TLS connection is written
	err := l.conn.Close()
	if l.conn.abandoned.Load() {
		err = nil // it was closed when another server became the master
	}
	l.conn = nil
	return err
}
