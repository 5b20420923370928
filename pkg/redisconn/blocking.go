package redisconn

import (
	"context"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// DoBlocking sends a command that the server may answer as late as after block, such as
// BLMOVE. The answer is nil if ctx ended first.
//
// When ctx ends, Redis is asked to end the wait (CLIENT UNBLOCK), and the answer is read
// all the same: the command may have been carried out at that very moment.
func (c *Conn) DoBlocking(ctx context.Context, block time.Duration, name string, args ...any) (any, error) {
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // a withdrawn command has no answer; that is no failure
	}
	if err := c.rc.Send(name, args...); err != nil {
		return nil, fmt.Errorf("send %s: %w", name, err)
	}
	if err := c.rc.Flush(); err != nil {
		return nil, fmt.Errorf("send %s: %w", name, err)
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
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, c.Classify(err))
	}
	return reply, nil
}

// unblock has the server end the blocking command of this connection. It tries again
// until answered is closed, because the command may not have reached the server yet. It
// uses a connection of its own, because all others may be waiting, and goes to the same
// server, even if another one is the master by now.
func (c *Conn) unblock(answered <-chan struct{}) {
	var conn *Conn
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if conn == nil {
			ctx, cancel := context.WithTimeout(context.Background(), c.client.opts.DialTimeout)
			conn, _ = c.client.dialServer(ctx, c.address, c.busy) // after a failure it is tried again
			cancel()
		}
		if conn != nil {
			_, _ = conn.Do("CLIENT", "UNBLOCK", c.ref.id, "TIMEOUT")
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
