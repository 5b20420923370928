package redisconn

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
)

// ref identifies a connection on the server. The server begins to count ids anew when
// it restarts; the name shows that the connection is ours.
type ref struct {
	id   int64
	name string
}

// Conn is one connection to Redis. It is not safe for concurrent use.
type Conn struct {
	client *Client
	rc     redis.Conn
	ref    ref
	// address is that of the server.
	address string
	// netConn is the connection below rc. Other goroutines may close it.
	netConn *progressConn
	// busy belongs to the goroutine that uses the connection; nil if nobody watches it.
	busy *Busy
	// announced is set once the connection belongs to [Client.Connections].
	announced bool
	// abandoned is set when the server must not be used any more; see [sentinels.moved].
	abandoned atomic.Bool
	// stale is set when the server has answered that it is not the master (any more):
	// the connection works, but it leads to the wrong server.
	stale bool
	// rejected is set when the server has closed the connection after its last answer.
	rejected bool
}

// Client returns the client that made the connection.
func (c *Conn) Client() *Client { return c.client }

// ID is the id of the connection on the server (CLIENT ID).
func (c *Conn) ID() int64 { return c.ref.id }

// Broken reports whether the connection has failed for good.
func (c *Conn) Broken() bool { return c.rejected || c.rc.Err() != nil }

// Stale reports whether the server has answered that it is not the master (any more).
func (c *Conn) Stale() bool { return c.stale }

// Announce counts the connection among [Client.Connections] until it is closed, and
// calls the function that was given to [Client.OnConnect].
func (c *Conn) Announce() error {
	c.announce()
	if c.client.onConnect == nil {
		return nil
	}
	return c.client.onConnect(c)
}

func (c *Conn) announce() {
	c.announced = true
	c.client.open.opened(c.ref.id)
}

// Close closes the connection. No blocking command may be in flight: Redis might carry
// it out for a reader that is gone. [Conn.DoBlocking] sees to that.
func (c *Conn) Close() error {
	err := c.close()
	if c.announced {
		c.client.open.ended(c.ref.id)
	}
	return err
}

// close closes the connection. It still belongs to [Client.Connections], because the
// server may go on serving it.
func (c *Conn) close() error {
	c.client.locator.forget(c)
	return c.rc.Close()
}

// Classify is the function [Classify]. It also notes what follows from the error for the
// connection.
func (c *Conn) Classify(err error) error {
	err = Classify(err)
	if errors.Is(err, ErrRequestRejected) {
		c.rejected = true
	}
	var reply *ReplyError
	if errors.As(err, &reply) && (reply.Code == "READONLY" || reply.Code == "UNBLOCKED") {
		c.stale = true
	}
	return err
}

// Do sends one command and reads its answer.
func (c *Conn) Do(name string, args ...any) (any, error) {
	reply, err := c.rc.Do(name, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, c.Classify(err))
	}
	return reply, nil
}

// Call is one command of a pipeline.
type Call struct {
	Name string
	Args []any
}

// Pipeline sends all calls in one write and reads all answers. An answer that is an
// error is a [redis.Error] in the result. The returned error is for a broken connection,
// after which nothing is known about any call.
func (c *Conn) Pipeline(calls ...Call) ([]any, error) {
	for _, call := range calls {
		if err := c.rc.Send(call.Name, call.Args...); err != nil {
			return nil, fmt.Errorf("send %s: %w", call.Name, err)
		}
	}
	if err := c.rc.Flush(); err != nil {
		return nil, fmt.Errorf("send %d commands: %w", len(calls), err)
	}
	replies := make([]any, len(calls))
	for i, call := range calls {
		reply, err := c.rc.Receive()
		var refused redis.Error
		switch {
		case errors.As(err, &refused):
			replies[i] = refused
			if err := c.Classify(refused); c.rejected {
				return nil, fmt.Errorf("response to %s: %w", call.Name, err)
			}
		case err != nil:
			return nil, fmt.Errorf("response to %s: %w", call.Name, err)
		default:
			replies[i] = reply
		}
	}
	return replies, nil
}

// Transaction carries out the calls as one step (MULTI, EXEC) and returns their answers.
// If the server refuses one of them, the error is that refusal.
func (c *Conn) Transaction(calls ...Call) ([]any, error) {
	all := append([]Call{{Name: "MULTI"}}, calls...)
	replies, err := c.Pipeline(append(all, Call{Name: "EXEC"})...)
	if err != nil {
		return nil, err
	}
	results, err := redis.Values(replies[len(replies)-1], nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", calls[0].Name, Classify(firstError(replies, err)))
	}
	if err := firstError(results, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", calls[0].Name, Classify(err))
	}
	if len(results) != len(calls) {
		return nil, fmt.Errorf("EXEC: %w", ErrProtocol)
	}
	return results, nil
}

// firstError returns the first reply that is an error: EXECABORT follows the one that
// names the cause.
func firstError(replies []any, otherwise error) error {
	for _, r := range replies {
		if err, ok := r.(redis.Error); ok {
			return err
		}
	}
	return otherwise
}
