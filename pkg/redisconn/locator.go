package redisconn

import (
	"context"
	"errors"
)

// locator finds the server that a new connection goes to, and closes the connections to
// a server that is no longer the right one.
type locator interface {
	// locate returns the address of the server at this moment.
	locate(ctx context.Context, busy *Busy) (location, error)
	// keep takes charge of a connection to a location. It reports whether the location
	// is still the right one.
	keep(c *Conn, at location) bool
	// forget ends that: the connection is being closed.
	forget(c *Conn)
	// String describes the server, for messages.
	String() string
}

// location is the answer of a locator.
type location struct {
	address string
	// changes is the number of changes that the locator had heard of when it answered.
	changes int
}

// ErrMoved is wrapped by the error of what failed because another server has become the
// master.
var ErrMoved = errors.New("the sentinels report another master")

// static is the locator of a server with a fixed address.
type static string

func (s static) locate(context.Context, *Busy) (location, error) {
	return location{address: string(s)}, nil
}

func (static) keep(*Conn, location) bool { return true }

func (static) forget(*Conn) {}

func (s static) String() string { return string(s) }
