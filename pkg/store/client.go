package store

import (
	"context"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// The parts of package redisconn that callers see. They use no other part of it.
type (
	// Options are the address of a server, how to log in, and the time-outs.
	Options = redisconn.Options
	// Login is the user of a connection.
	Login = redisconn.Login
	// TLS is the encryption of a connection.
	TLS = redisconn.TLS
	// Sentinel names the sentinels that know the address of the master.
	Sentinel = redisconn.Sentinel
	// ReplyError is an error that the server answered.
	ReplyError = redisconn.ReplyError
	// Busy is the time until which a goroutine may wait for Redis.
	Busy = redisconn.Busy
)

// ErrRequestRejected is wrapped by the error for a request that Redis does not read to
// its end, because it is too large: it closes the connection.
var ErrRequestRejected = redisconn.ErrRequestRejected

// Refused reports whether err is an answer of the server, so that it has certainly not
// carried out the command.
func Refused(err error) bool { return redisconn.Refused(err) }

// MaxString is the maximum length of an element of a list, in bytes. A longer one is not
// even sent, because Redis closes the connection on which it comes. It is the default of
// "proto-max-bulk-len" in redis.conf; for a lower one, see [Fits].
const MaxString = redisconn.MaxString

// Client makes connections to one server. It is safe for concurrent use.
type Client struct{ *redisconn.Client }

// NewClient returns a client. It does not connect yet.
func NewClient(o Options) *Client { return &Client{redisconn.NewClient(o)} }

// OnConnect has f called on every new connection of a [Link] before its first use, and on
// those of a [Watch]. If f fails, the connection is not used. OnConnect comes before the
// first connection.
func (c *Client) OnConnect(f func(*Conn) error) {
	c.Client.OnConnect(func(conn *redisconn.Conn) error { return f(&Conn{conn}) })
}

// Dial makes a connection that is used once, outside of a [Link].
func (c *Client) Dial(ctx context.Context) (*Conn, error) {
	conn, err := c.Client.Dial(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &Conn{conn}, nil
}

// Link returns a link that connects when it is first used.
func (c *Client) Link() *Link { return &Link{c.Client.Link(false)} }

// UrgentLink returns a link that does not pause after the server had no place for a
// connection: it renews the lease.
func (c *Client) UrgentLink() *Link { return &Link{c.Client.Link(true)} }

// Conn is one connection to Redis. It is not safe for concurrent use.
type Conn struct{ conn *redisconn.Conn }

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Link is a connection that is replaced after it broke. It belongs to one goroutine,
// except for BusyUntil.
type Link struct{ *redisconn.Link }

// Use calls fn with a working connection. The error is that of fn, or the reason why
// there is no connection. Use does not try anything again; see [redisconn.Link.Use].
func (l *Link) Use(ctx context.Context, fn func(*Conn) error) error {
	return l.Link.Use(ctx, func(c *redisconn.Conn) error { return fn(&Conn{c}) })
}

// call returns one command of a pipeline.
func call(name string, args ...any) redisconn.Call { return redisconn.Call{Name: name, Args: args} }
