package store

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// Options say which server to talk to, and how patiently.
type Options struct {
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port or the path of a socket.
	Address string
	// Login says who connects, and to which database.
	Login    Login
	Database int
	// TLS is nil for a connection in the clear.
	TLS *TLS
	// Sentinel, if it has addresses, says where the address is asked for, anew
	// with each connection.
	Sentinel Sentinel
	// Instance becomes part of the name of each connection (CLIENT SETNAME), so
	// that an administrator finds gordon in CLIENT LIST, [Link] a lost connection,
	// and [Conn.FenceInstance] those of a dead instance.
	Instance string
	// Greet, if set, is called on every new connection of a [Link] before its
	// first use. An error keeps the connection from being used.
	Greet func(*Conn) error
	// DialTimeout bounds connecting. 0 means 2 s.
	DialTimeout time.Duration
	// CommandTimeout bounds the answer to a command, and the time that a
	// blocking command may take beyond its own bound. 0 means 5 s.
	CommandTimeout time.Duration
	// Ping is how often a sentinel that tells nothing has to show that it is there.
	// 0 means 20 s.
	Ping time.Duration
}

// Client makes connections to one server.
type Client struct {
	opts  Options
	reads files.Calls // of passwords and certificates
	conns atomic.Int64
	crowd crowd
	open  ids
	// broke is when a connection last broke, nil for never. As a [time.Time] and not a
	// number: what is compared is monotonic, whoever sets the clock.
	broke  atomic.Pointer[time.Time]
	master master
}

// NewClient returns a client; it connects to nothing yet.
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
	return &Client{opts: o, reads: files.NewCalls(maxReading)}
}

// Open is how many connections the links of the client have.
func (c *Client) Open() int { return c.open.count() }

// BrokeSince reports whether a connection has broken after t.
func (c *Client) BrokeSince(t time.Time) bool {
	broke := c.broke.Load()
	return broke != nil && t.Before(*broke)
}

// clientName begins the names of all connections of an instance.
func clientName(instance string) string { return "gordon/" + strings.Map(printable, instance) }

// printable keeps what CLIENT SETNAME allows (no spaces, newlines or other
// special characters, https://redis.io/docs/latest/commands/client-setname/).
func printable(r rune) rune {
	if r <= ' ' || r > '~' {
		return '_'
	}
	return r
}

// String is where the client connects to, for messages.
func (c *Client) String() string {
	if s := c.opts.Sentinel; len(s.Addresses) > 0 {
		return "master " + s.Master + " of sentinel " + strings.Join(s.Addresses, ", ")
	}
	return c.opts.Address
}
