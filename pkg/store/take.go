package store

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Take moves the entry at the head of a queue to the run list and returns its bytes, or
// nil if none came within block, or ctx ended first
// (https://redis.io/docs/latest/commands/blmove/). The run list must be known to be
// empty.
//
// When ctx ends, the answer of Redis is read all the same: it may be an entry that came
// at that very moment.
func (c *Conn) Take(ctx context.Context, k Keys, r RunList, block time.Duration) ([]byte, error) {
	return entryOrNil(c.conn.DoBlocking(ctx, block, "BLMOVE", k.Queue(r.Type), k.run(r), "LEFT", "RIGHT", block.Seconds()))
}

// TakeNow is [Conn.Take] without the wait: it returns nil if the queue is empty
// (https://redis.io/docs/latest/commands/lmove/).
func (c *Conn) TakeNow(k Keys, r RunList) ([]byte, error) {
	return entryOrNil(c.conn.Do("LMOVE", k.Queue(r.Type), k.run(r), "LEFT", "RIGHT"))
}

func entryOrNil(reply any, err error) ([]byte, error) {
	entry, err := redis.Bytes(reply, err)
	if errors.Is(err, redis.ErrNil) {
		return nil, nil
	}
	return entry, err
}

// Persist removes the time to live of the queue of a type, and reports whether it had
// one (https://redis.io/docs/latest/commands/persist/).
func (c *Conn) Persist(k Keys, taskType string) (expired bool, err error) {
	return redis.Bool(c.conn.Do("PERSIST", k.Queue(taskType)))
}
