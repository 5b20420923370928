package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Options say which server to talk to, and how patiently.
type Options struct {
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port or the path of a socket.
	Address string
	// Name begins the name of each connection (CLIENT SETNAME), so that an
	// administrator finds gordon in CLIENT LIST and [Link] finds a lost
	// connection again. It must be unique to the instance.
	Name string
	// Greet, if set, is called on every new connection of a [Link] before its
	// first use. An error keeps the connection from being used.
	Greet func(*Conn) error
	// DialTimeout bounds connecting. 0 means 2 s.
	DialTimeout time.Duration
	// CommandTimeout bounds the answer to a command, and the time that a
	// blocking command may take beyond its own bound. 0 means 5 s.
	CommandTimeout time.Duration
}

// Client makes connections to one server.
type Client struct {
	opts  Options
	conns atomic.Int64
}

// NewClient returns a client; it connects to nothing yet.
func NewClient(o Options) *Client {
	if o.DialTimeout == 0 {
		o.DialTimeout = 2 * time.Second
	}
	if o.CommandTimeout == 0 {
		o.CommandTimeout = 5 * time.Second
	}
	o.Name = strings.Map(printable, o.Name)
	return &Client{opts: o}
}

// printable keeps what CLIENT SETNAME allows (no spaces, newlines or other
// special characters, https://redis.io/docs/latest/commands/client-setname/).
func printable(r rune) rune {
	if r <= ' ' || r > '~' {
		return '_'
	}
	return r
}

// Address is where the client connects to, for messages.
func (c *Client) Address() string { return c.opts.Address }

// Dial connects, names the connection and learns its id.
func (c *Client) Dial(ctx context.Context) (*Conn, error) {
	rc, err := redis.DialContext(
		ctx, c.opts.Network, c.opts.Address,
		redis.DialContextFunc(c.dialer().DialContext),
		redis.DialReadTimeout(c.opts.CommandTimeout),
		redis.DialWriteTimeout(c.opts.CommandTimeout),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to redis at %s: %w", c.opts.Address, typed(err))
	}
	name := fmt.Sprintf("%s/%d", c.opts.Name, c.conns.Add(1))
	id, err := introduce(rc, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("greet redis at %s: %w", c.opts.Address, typed(err)), rc.Close())
	}
	return &Conn{client: c, rc: rc, ref: ref{id: id, name: name}}, nil
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
