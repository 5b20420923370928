package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// Dial connects, logs in, names the connection and learns its id.
func (c *Client) Dial(ctx context.Context) (*Conn, error) { return c.dialMaster(ctx, nil) }

// dialMaster is Dial for a goroutine that busy belongs to; nil if nobody watches it.
func (c *Client) dialMaster(ctx context.Context, busy *Busy) (*Conn, error) {
	if len(c.opts.Sentinel.Addresses) == 0 {
		return c.dialServer(ctx, c.opts.Address, busy)
	}
	changes := c.master.changed()
	address, err := c.askSentinels(ctx, busy)
	if err != nil {
		return nil, err
	}
	conn, err := c.dialServer(ctx, address, busy)
	if err != nil {
		return nil, err
	}
	if !c.master.keep(conn, changes) {
		return nil, errors.Join(fmt.Errorf("connect to redis at %s: %w", address, ErrMoved), conn.rc.Close())
	}
	return conn, nil
}

func (c *Client) dialServer(ctx context.Context, address string, busy *Busy) (*Conn, error) {
	target := target{c.opts.Network, address, c.opts.Login, c.opts.CommandTimeout, busy}
	rc, netConn, err := c.connect(ctx, target, redis.DialDatabase(c.opts.Database))
	if err != nil {
		return nil, fmt.Errorf("connect to redis at %s: %w", address, err)
	}
	name := fmt.Sprintf("%s/%d", clientName(c.opts.Instance), c.conns.Add(1))
	id, err := introduce(rc, name)
	if err != nil {
		_ = rc.Close() // which would give the same error again
		return nil, fmt.Errorf("greet redis at %s: %w", address, typed(err))
	}
	return &Conn{client: c, rc: rc, ref: ref{id: id, name: name}, address: address, netConn: netConn, busy: busy}, nil
}

// target is a server or a sentinel to connect to.
type target struct {
	network, address string
	login            Login
	silence          time.Duration // bounds each answer
	busy             *Busy
}

// connect opens one connection, and also returns the network connection below it.
// Passwords and certificates are read each time, so that changing them needs no restart.
func (c *Client) connect(ctx context.Context, t target, more ...redis.DialOption) (rc redis.Conn, netConn *progressConn, err error) {
	t.busy.within(c.opts.DialTimeout)
	password, err := reading(ctx, c, t.login.password)
	if err != nil {
		return nil, nil, err
	}
	options := append([]redis.DialOption{
		redis.DialContextFunc(func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			conn, netConn, err = c.dial(ctx, network, address, t.busy)
			return conn, err
		}),
		redis.DialReadTimeout(t.silence),
		redis.DialWriteTimeout(t.silence),
		redis.DialUsername(t.login.Username),
		redis.DialPassword(password),
	}, more...)
	rc, err = redis.DialContext(ctx, t.network, t.address, options...)
	return rc, netConn, typed(err)
}

// maxReading is how many files of passwords and certificates are read at once. What
// is on a file system that does not answer takes so many threads, and no more.
const maxReading = 4

// reading waits for a file no longer than for the server.
func reading[T any](ctx context.Context, c *Client, read func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	return files.Within(ctx, c.reads, read, nil)
}

// dial returns a connection for redigo and, for other goroutines that close it or wait
// for its end, the network connection that it is made of.
func (c *Client) dial(ctx context.Context, network, address string, busy *Busy) (net.Conn, *progressConn, error) {
	busy.within(c.opts.DialTimeout)
	dialed, err := c.dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, err
	}
	netConn := &progressConn{Conn: dialed, silence: c.opts.CommandTimeout, busy: busy}
	var conn net.Conn = netConn
	if c.opts.TLS != nil {
		if conn, err = c.encrypt(ctx, netConn, address, busy); err != nil {
			return nil, nil, err
		}
	}
	return &worded{&guard{Conn: conn}}, netConn, nil
}

// worded has the end of the connection in words for people.
type worded struct{ net.Conn }

// Write implements net.Conn. A server that refuses a client answers before it has read
// anything, and closes the connection: the write fails, and the reason waits to be
// read. So a write to a closed connection is no error. The read that follows each
// request returns the reason, or the end of the connection.
func (w *worded) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}

// Read implements net.Conn.
func (w *worded) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err == io.EOF { //nolint:errorlint // as io.Reader has it, never wrapped
		err = closedError{}
	}
	return n, err
}

// encrypt closes conn when it fails.
func (c *Client) encrypt(ctx context.Context, conn net.Conn, address string, busy *Busy) (net.Conn, error) {
	busy.within(c.opts.DialTimeout)
	config, err := reading(ctx, c, c.opts.TLS.config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	busy.within(c.opts.DialTimeout)
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		switch {
		case errors.As(err, new(tls.RecordHeaderError)):
			err = fmt.Errorf("the server does not speak TLS, as [redis.tls] has it: %w", err)
		case ctx.Err() != nil: // Redis without TLS waits for the end of a line
			err = fmt.Errorf("the server does not answer to TLS, which [redis.tls] has it speak: %w", err)
		}
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// dialer has the kernel probe idle connections (tcp(7)), so that a peer that
// vanished without a word is noticed in about 15 s at no cost in CPU.
func (c *Client) dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         c.opts.DialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 9 * time.Second, Interval: 2 * time.Second, Count: 3},
	}
}

// introduce sends both commands in one round trip: a reconnect is in the way of
// every task that waits.
func introduce(rc redis.Conn, name string) (int64, error) {
	if err := rc.Send("CLIENT", "SETNAME", name); err != nil {
		return 0, err
	}
	if err := rc.Send("CLIENT", "ID"); err != nil {
		return 0, err
	}
	if err := rc.Flush(); err != nil {
		return 0, err
	}
	if _, err := rc.Receive(); err != nil {
		return 0, err
	}
	return redis.Int64(rc.Receive())
}
