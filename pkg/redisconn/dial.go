package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// dialer connects to servers and sentinels.
type dialer struct {
	dialTimeout, commandTimeout time.Duration
	tls                         *TLS
	reads                       files.Calls // of passwords and certificates
}

// maxReads is how many files of passwords and certificates are read at once. A file
// system that does not answer blocks that many threads, and no more.
const maxReads = 4

func newDialer(o Options) *dialer {
	return &dialer{dialTimeout: o.DialTimeout, commandTimeout: o.CommandTimeout, tls: o.TLS, reads: files.NewCalls(maxReads)}
}

// target is a server or a sentinel to connect to.
type target struct {
	network, address string
	login            Login
	timeout          time.Duration // for each answer
	busy             *Busy
}

// connect opens one connection, and also returns the network connection below it.
// Passwords and certificates are read each time, so that changing them needs no restart.
func (d *dialer) connect(ctx context.Context, t target, more ...redis.DialOption) (rc redis.Conn, netConn *progressConn, err error) {
	t.busy.within(d.dialTimeout)
	password, err := readFile(ctx, d, t.login.password)
	if err != nil {
		return nil, nil, err
	}
	options := append([]redis.DialOption{
		redis.DialContextFunc(func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			conn, netConn, err = d.dial(ctx, network, address, t.busy)
			return conn, err
		}),
		redis.DialReadTimeout(t.timeout),
		redis.DialWriteTimeout(t.timeout),
		redis.DialUsername(t.login.Username),
		redis.DialPassword(password),
	}, more...)
	rc, err = redis.DialContext(ctx, t.network, t.address, options...)
	return rc, netConn, Classify(err)
}

// readFile waits for a file no longer than for a server.
func readFile[T any](ctx context.Context, d *dialer, read func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d.dialTimeout)
	defer cancel()
	return files.Within(ctx, d.reads, read, nil)
}

// dial returns a connection for redigo and, for other goroutines that close it or wait
// for its end, the network connection that it is made of.
func (d *dialer) dial(ctx context.Context, network, address string, busy *Busy) (net.Conn, *progressConn, error) {
	busy.within(d.dialTimeout)
	// The kernel probes idle connections (tcp(7)). A peer that vanished without a word
	// is noticed in about 15 s, at no cost in CPU.
	nd := net.Dialer{
		Timeout:         d.dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 9 * time.Second, Interval: 2 * time.Second, Count: 3},
	}
	dialed, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, err
	}
	netConn := &progressConn{Conn: dialed, silence: d.commandTimeout, busy: busy}
	var conn net.Conn = netConn
	if d.tls != nil {
		if conn, err = d.encrypt(ctx, netConn, address, busy); err != nil {
			return nil, nil, err
		}
	}
	return &wordedConn{&guard{Conn: conn}}, netConn, nil
}

// encrypt closes conn if it fails.
func (d *dialer) encrypt(ctx context.Context, conn net.Conn, address string, busy *Busy) (net.Conn, error) {
	busy.within(d.dialTimeout)
	config, err := readFile(ctx, d, d.tls.config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	busy.within(d.dialTimeout)
	ctx, cancel := context.WithTimeout(ctx, d.dialTimeout)
	defer cancel()
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		switch {
		case errors.As(err, new(tls.RecordHeaderError)):
			err = fmt.Errorf("the server does not support TLS, but [redis.tls] enables it: %w", err)
		case ctx.Err() != nil: // Redis without TLS waits for the end of a line
			err = fmt.Errorf("the server did not answer the TLS handshake that [redis.tls] enables: %w", err)
		}
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// dialServer connects to the Redis at an address, even if it is not the master.
func (c *Client) dialServer(ctx context.Context, address string, busy *Busy) (*Conn, error) {
	t := target{c.opts.Network, address, c.opts.Login, c.opts.CommandTimeout, busy}
	rc, netConn, err := c.dialer.connect(ctx, t, redis.DialDatabase(c.opts.Database))
	if err != nil {
		return nil, fmt.Errorf("connect to redis at %s: %w", address, err)
	}
	name := fmt.Sprintf("%s%d", NamePrefix(c.opts.Instance), c.conns.Add(1))
	id, err := introduce(rc, name)
	if err != nil {
		_ = rc.Close() // it would return the same error
		return nil, fmt.Errorf("register with redis at %s: %w", address, Classify(err))
	}
	return &Conn{client: c, rc: rc, ref: ref{id: id, name: name}, address: address, netConn: netConn, busy: busy}, nil
}

// introduce names the connection and asks for its id, in one round trip: all waiting
// tasks wait for a reconnect.
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
