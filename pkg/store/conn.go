package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// ref identifies a connection on the server: ids begin anew when the server
// does, the name makes sure that it is ours.
type ref struct {
	id   int64
	name string
}

// Conn is one connection to Redis. It is not safe for concurrent use.
type Conn struct {
	client *Client
	rc     redis.Conn
	ref    ref
	// address is the server that was connected to, and netConn the connection below
	// rc, which another goroutine may close.
	address string
	netConn *progressConn
	// busy belongs to the goroutine that uses the connection; nil if nobody watches it.
	busy *Busy
	// left says that the server is not to be used any more; see [Client.moved].
	left atomic.Bool
	// stale says that the server has told that it is not the master (any more):
	// the connection works, but it leads to the wrong place.
	stale bool
	// rejected says that the server has closed the connection after its last answer.
	rejected bool
}

// typed does what the function of this name does, and notes what it says of the
// connection.
func (c *Conn) typed(err error) error {
	err = typed(err)
	if errors.Is(err, ErrRequestRejected) {
		c.rejected = true
	}
	var reply *ReplyError
	if errors.As(err, &reply) && (reply.Code == "READONLY" || reply.Code == "UNBLOCKED") {
		c.stale = true
	}
	return err
}

// Broken tells whether the connection has failed for good.
func (c *Conn) Broken() bool { return c.rejected || c.rc.Err() != nil }

// Close closes the connection. No blocking command may be in flight, as Redis
// might carry it out for a reader that is gone; [Conn.Take] sees to that.
func (c *Conn) Close() error {
	c.client.master.forget(c)
	return c.rc.Close()
}

// do sends one command and reads its answer.
func (c *Conn) do(name string, args ...any) (any, error) {
	reply, err := c.rc.Do(name, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, c.typed(err))
	}
	return reply, nil
}

// call is one command of a pipeline.
type call struct {
	name string
	args []any
}

// pipeline sends all calls in one write and reads all answers. Answers that are
// errors stand in the result as [redis.Error]; the error is for a broken
// connection, after which nothing is known of any call.
func (c *Conn) pipeline(calls []call) ([]any, error) {
	for _, cl := range calls {
		if err := c.rc.Send(cl.name, cl.args...); err != nil {
			return nil, fmt.Errorf("send %s: %w", cl.name, err)
		}
	}
	if err := c.rc.Flush(); err != nil {
		return nil, fmt.Errorf("send %d commands: %w", len(calls), err)
	}
	replies := make([]any, len(calls))
	for i, cl := range calls {
		reply, err := c.rc.Receive()
		var refused redis.Error
		switch {
		case errors.As(err, &refused):
			replies[i] = refused
			if err := c.typed(refused); c.rejected {
				return nil, fmt.Errorf("answer to %s: %w", cl.name, err)
			}
		case err != nil:
			return nil, fmt.Errorf("answer to %s: %w", cl.name, err)
		default:
			replies[i] = reply
		}
	}
	return replies, nil
}

// Take moves the entry at the head of a queue to the run list and returns its
// bytes, or nil when none came within block, or ctx ended first
// (https://redis.io/docs/latest/commands/blmove/). The run list must be known to
// be empty.
//
// When ctx ends, Redis is asked to end the wait (CLIENT UNBLOCK) and its answer
// is read all the same: it may be an entry that came at that very moment.
func (c *Conn) Take(ctx context.Context, k Keys, r RunList, block time.Duration) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // a withdrawn take has no entry; that is no fault
	}
	if err := c.rc.Send("BLMOVE", k.Queue(r.Type), k.run(r), "LEFT", "RIGHT", block.Seconds()); err != nil {
		return nil, fmt.Errorf("send BLMOVE: %w", err)
	}
	if err := c.rc.Flush(); err != nil {
		return nil, fmt.Errorf("send BLMOVE: %w", err)
	}
	answered := make(chan struct{})
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		c.unblock(answered)
	})
	reply, err := redis.ReceiveWithTimeout(c.rc, block+c.client.opts.CommandTimeout)
	close(answered)
	if !stop() {
		<-ended
	}
	entry, err := redis.Bytes(reply, err)
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("BLMOVE: %w", c.typed(err))
	}
	return entry, nil
}

// TakeNow is [Conn.Take] without the wait: nil says that the queue is empty
// (https://redis.io/docs/latest/commands/lmove/).
func (c *Conn) TakeNow(k Keys, r RunList) ([]byte, error) {
	entry, err := redis.Bytes(c.do("LMOVE", k.Queue(r.Type), k.run(r), "LEFT", "RIGHT"))
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	return entry, err
}

// unblock has the server end the blocking command of this connection. The
// command may not have reached the server yet, so it is tried until answered is
// closed; on a connection of its own, because all others may be waiting, and to
// the same server, even where another one is the master by now.
func (c *Conn) unblock(answered <-chan struct{}) {
	var conn *Conn
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if conn == nil {
			ctx, cancel := context.WithTimeout(context.Background(), c.client.opts.DialTimeout)
			conn, _ = c.client.dialServer(ctx, c.address, c.busy) // a failure is as good as "not blocked": tried again
			cancel()
		}
		if conn != nil {
			_, _ = conn.do("CLIENT", "UNBLOCK", c.ref.id, "TIMEOUT")
		}
		select {
		case <-answered:
			if conn != nil {
				_ = conn.Close()
			}
			return
		case <-time.After(pause):
		}
		if conn != nil && conn.Broken() {
			_ = conn.Close()
			conn = nil
		}
	}
}

// Persist removes the time to live of the queue of a type and reports whether it had one
// (https://redis.io/docs/latest/commands/persist/).
func (c *Conn) Persist(k Keys, taskType string) (expired bool, err error) {
	return redis.Bool(c.do("PERSIST", k.Queue(taskType)))
}
