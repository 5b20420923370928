package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Link is a connection that is made again after it broke. It belongs to one
// goroutine. The zero Link is not usable; see [Client.Link].
type Link struct {
	client *Client
	conn   *Conn
	// greeted says whether conn has been through Options.Greet.
	greeted bool
	// used is when conn was last known to work.
	used time.Time
	// lost are connections that broke and that the server may still serve.
	lost []ref
	// busy is handed to each connection. Other goroutines may read it.
	busy Busy
	// vital says that the link connects also to a server that is crowded.
	vital bool
}

// Vital has the link try again at once where others rest: the lease hangs on it.
func (l *Link) Vital() *Link {
	l.vital = true
	return l
}

// Link returns a link that connects when it is first used.
func (c *Client) Link() *Link { return &Link{client: c} }

// OnProgress has f called, again and again, while something large is read or
// written: that can take minutes, and is no hang. It comes before the first use.
func (l *Link) OnProgress(f func()) { l.busy.progress = f }

// BusyUntil returns the time until which a Use of the link may wait for Redis, or the
// zero time if there is none at the moment. Every step of a Use extends it by the
// time-out of that step: reading a password, connecting, each command, and each part
// of something large. So the caller needs to know neither how many steps there are nor
// how long they take. Any goroutine may call it.
func (l *Link) BusyUntil() time.Time { return l.busy.Until() }

// Use calls fn with a working connection. The error is fn's, or says why there
// is no connection. Nothing is retried here.
//
// Before the first use of a new connection the lost ones are fenced. Without
// that, what fn reads now could be changed afterwards by a command that the
// server has yet to read from a lost connection.
func (l *Link) Use(ctx context.Context, fn func(*Conn) error) error {
	defer l.busy.rest()
	if err := l.connect(ctx); err != nil {
		return err
	}
	err := fn(l.conn)
	l.used = time.Now()
	if err != nil && l.conn.left.Load() {
		err = fmt.Errorf("%w: %w", ErrMoved, err)
	}
	switch {
	case l.conn.Broken():
		l.drop()
	case l.conn.stale:
		// Nothing is in flight, so there is nothing to fence; where the master
		// is now, the next connection will find out.
		err = errors.Join(err, l.Close())
	}
	return err
}

// idle is how long a connection may rest before it is asked whether it still
// works. The server may have closed it (its "timeout" setting): that is no
// trouble to report, nor one that should leave a command's fate unknown.
const idle = 5 * time.Second

// doubtful tells whether the connection may have broken since it was used: after
// a long rest, or together with another one, whose loss is over and told.
func (l *Link) doubtful() bool {
	return time.Since(l.used) > idle || l.client.BrokeSince(l.used)
}

func (l *Link) connect(ctx context.Context) error {
	if l.conn != nil && l.conn.left.Load() {
		_ = l.Close() // it was closed while it rested
	}
	if l.conn != nil && l.doubtful() {
		_, _ = l.conn.do("PING")
		if l.conn.Broken() {
			l.drop()
		}
	}
	if l.conn == nil {
		if err := l.client.crowd.rest(l.vital); err != nil {
			return err
		}
		conn, err := l.client.dialMaster(ctx, &l.busy)
		if err != nil {
			l.client.crowd.note(err)
			return err
		}
		l.used = time.Now()
		l.conn, l.greeted = conn, l.client.opts.Greet == nil
		l.client.open.opened(conn.ref.id)
	}
	err := l.prepare()
	switch {
	case l.conn.Broken():
		l.drop()
	case l.conn.stale:
		err = errors.Join(err, l.Close())
	}
	return err
}

// prepare makes the connection fit for use.
func (l *Link) prepare() error {
	for len(l.lost) > 0 {
		if err := l.conn.fence(l.lost[0]); err != nil {
			return fmt.Errorf("close a lost connection: %w", err)
		}
		l.client.open.ended(l.lost[0].id)
		l.lost = l.lost[1:]
	}
	if l.greeted {
		return nil
	}
	if err := l.client.opts.Greet(l.conn); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	l.greeted = true
	return nil
}

func (l *Link) drop() {
	now := time.Now()
	l.client.broke.Store(&now)
	l.lost = append(l.lost, l.conn.ref)
	_ = l.conn.Close() // it is broken: closing can only say so again
	l.conn = nil
}

// Close closes the connection, if there is one.
func (l *Link) Close() error {
	if l.conn == nil {
		return nil
	}
	defer l.busy.rest() // the end of a TLS connection is written
	err := l.conn.Close()
	l.client.open.ended(l.conn.ref.id)
	if l.conn.left.Load() {
		err = nil // it was closed when another server became the master
	}
	l.conn = nil
	return err
}
