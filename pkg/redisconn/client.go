package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Options are the address of a server, how to log in, and the time-outs.
type Options struct {
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port or the path of a socket.
	Address string
	// Login is the user, and Database the number of the database.
	Login    Login
	Database int
	// TLS is nil for a connection without encryption.
	TLS *TLS
	// Sentinel, if it has addresses, replaces Address: the sentinels are asked for the
	// address of the master for each new connection.
	Sentinel Sentinel
	// Instance becomes part of the name of each connection (CLIENT SETNAME). By that
	// name an administrator finds Gordon in CLIENT LIST, a [Link] its lost connection,
	// and other instances the connections of a dead one.
	Instance string
	// DialTimeout limits the time to connect. 0 means 2 s.
	DialTimeout time.Duration
	// CommandTimeout limits the time to answer a command, and for a blocking command
	// the time beyond its own limit. 0 means 5 s.
	CommandTimeout time.Duration
	// Ping is the interval at which a sentinel that has no news has to show that it is
	// there. 0 means 20 s.
	Ping time.Duration
}

// Client makes connections to one server. It is safe for concurrent use.
type Client struct {
	opts      Options
	dialer    *dialer
	locator   locator
	sentinels *sentinels // the locator, if there are sentinels
	onConnect func(*Conn) error

	conns   atomic.Int64 // numbers the connections
	refusal refusal
	open    idSet
	// broke is the time at which a connection broke last, or nil. It is a [time.Time]
	// and not a number, because its monotonic part stays right when somebody sets the
	// clock.
	broke atomic.Pointer[time.Time]
}

// NewClient returns a client. It does not connect yet.
func NewClient(o Options) *Client {
	if o.DialTimeout == 0 {
		o.DialTimeout = 2 * time.Second
	}
	if o.CommandTimeout == 0 {
		o.CommandTimeout = 5 * time.Second
	}
	if o.Ping == 0 {
		o.Ping = 20 * time.Second
	}
	c := &Client{opts: o, dialer: newDialer(o), locator: static(o.Address)}
	if len(o.Sentinel.Addresses) > 0 {
		c.sentinels = &sentinels{Sentinel: o.Sentinel, dialer: c.dialer}
		c.locator = c.sentinels
	}
	return c
}

// OnConnect has f called on every new connection of a [Link] before its first use, and
// on each other connection that is announced (see [Conn.Announce]). If f fails, the
// connection is not used. OnConnect comes before the first connection.
func (c *Client) OnConnect(f func(*Conn) error) { c.onConnect = f }

// Dial connects, logs in, names the connection and learns its id. busy belongs to the
// goroutine that uses the connection, and is nil if nobody watches it.
func (c *Client) Dial(ctx context.Context, busy *Busy) (*Conn, error) {
	at, err := c.locator.locate(ctx, busy)
	if err != nil {
		return nil, err
	}
	conn, err := c.dialServer(ctx, at.address, busy)
	if err != nil {
		return nil, err
	}
	if !c.locator.keep(conn, at) {
		return nil, errors.Join(fmt.Errorf("connect to redis at %s: %w", at.address, ErrMoved), conn.rc.Close())
	}
	return conn, nil
}

// Instance is the instance that the connections are named after.
func (c *Client) Instance() string { return c.opts.Instance }

// Open is the number of open connections that are announced; see [Conn.Announce].
func (c *Client) Open() int { return c.open.count() }

// Connections returns the ids of the announced connections that are open, and of those
// that were closed since the last call of Forget for them.
func (c *Client) Connections() (open, closed []int64) { return c.open.list() }

// Forget removes ids from those that [Client.Connections] returns as closed.
func (c *Client) Forget(closed []int64) { c.open.forget(closed) }

// String is the address that the client connects to, for messages.
func (c *Client) String() string { return c.locator.String() }

// idle is the time after which a connection that was not used is asked whether it still
// works. The server may have closed it (its "timeout" setting): that is no failure to
// report, and must not leave the fate of a command unknown.
const idle = 5 * time.Second

// MayBeLost reports whether a connection that worked at the time used may have been
// lost since: after a long rest, or together with another one, whose loss is known.
func (c *Client) MayBeLost(used time.Time) bool {
	return time.Since(used) > idle || c.BrokeSince(used)
}

// BrokeSince reports whether a connection has broken after t.
func (c *Client) BrokeSince(t time.Time) bool {
	broke := c.broke.Load()
	return broke != nil && t.Before(*broke)
}

// lost notes that a connection broke now.
func (c *Client) lost() {
	now := time.Now()
	c.broke.Store(&now)
}

// NamePrefix begins the names of all connections of an instance.
func NamePrefix(instance string) string {
	return "gordon/" + strings.Map(printable, instance) + "/"
}

// printable replaces what CLIENT SETNAME refuses: spaces, newlines and other special
// characters (https://redis.io/docs/latest/commands/client-setname/).
func printable(r rune) rune {
	if r <= ' ' || r > '~' {
		return '_'
	}
	return r
}
