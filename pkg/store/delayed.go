package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// DueBatch is how many entries [Conn.MoveDue] moves in one step: Redis serves
// nobody else meanwhile.
const DueBatch = 100

// moveDueScript moves what is due to the tail of the queue, in the order in which
// it is due. It is one step, so of many who try one moves each entry.
//
// An entry is in the queue before it leaves the set: a refused push (a queue of
// the wrong type) ends the script and loses nothing.
//
// KEYS: delayed set, queue. ARGV: limit. Returns how many were moved.
const moveDueScript = `
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, entry in ipairs(due) do
	redis.call('RPUSH', KEYS[2], entry)
	redis.call('ZREM', KEYS[1], entry)
end
return #due`

// MoveDue moves entries that are due, at most [DueBatch], and tells how many.
//
// Power loss here: each entry is in the set or in the queue.
func (c *Conn) MoveDue(k Keys, taskType string) (int, error) {
	n, err := redis.Int(c.do("EVAL", moveDueScript, 2, k.Delayed(taskType), k.Queue(taskType), DueBatch))
	if err != nil {
		return 0, fmt.Errorf("move what is due of %s: %w", k.Delayed(taskType), err)
	}
	return n, nil
}

// Wait is how long something takes until it is due.
type Wait struct {
	// Any is false where there is nothing to wait for.
	Any bool
	// Left is the time until then, by the clock of Redis; not over 0 when it is
	// due.
	Left time.Duration
}

// farthest bounds Left: a score can be any number, also an infinite one.
const farthest = 365 * 24 * time.Hour

// wait reads the answer to ZRANGE key 0 0 WITHSCORES
// (https://redis.io/docs/latest/commands/zrange/).
func wait(reply any, now time.Time) (Wait, error) {
	first, err := redis.Strings(reply, nil)
	if err != nil || len(first) == 0 {
		return Wait{}, typed(err)
	}
	if len(first) != 2 {
		return Wait{}, fmt.Errorf("one entry with its score has %d parts", len(first))
	}
	ms, err := strconv.ParseFloat(first[1], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Wait{}, fmt.Errorf("a score is no number: %w", err)
	}
	left := ms - float64(now.UnixMicro())/1000
	left = min(max(left, 0), float64(farthest.Milliseconds()))
	return Wait{Any: true, Left: time.Duration(left * float64(time.Millisecond))}, nil
}
