package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// How much [Conn.MoveDue] moves in one step: Redis serves nobody else meanwhile, and
// what is moved goes through the memory of the script.
const (
	// DueBatch is the most entries.
	DueBatch = 100
	// dueBytes is how many bytes are enough.
	dueBytes = 8 << 20
)

// moveDueScript moves what is due to the tail of the queue, in the order in which
// it is due. It is one step, so of many who try one moves each entry.
//
// An entry is in the queue before it leaves the set: a refused push (a queue of
// the wrong type) ends the script and loses nothing. So that none is pushed again and
// again because it may not leave the set, that right is tried first, on what no entry
// is. After that write Redis refuses nothing for want of memory: what moves needs no
// more of it.
//
// KEYS: delayed set, queue. ARGV: most entries, bytes that are enough. Returns how
// many were moved.
const moveDueScript = `
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
local moved, bytes = 0, 0
while moved < tonumber(ARGV[1]) and bytes < tonumber(ARGV[2]) do
	local entry = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
	if not entry then break end
	if moved == 0 then redis.call('ZREM', KEYS[1], 'may this user remove anything?') end
	redis.call('RPUSH', KEYS[2], entry)
	redis.call('ZREM', KEYS[1], entry)
	moved, bytes = moved + 1, bytes + #entry
end
return moved`

// MoveDue moves entries that are due, at most [DueBatch], and tells how many. It
// moves one at least, where one is due.
//
// Power loss here: each entry is in the set or in the queue.
func (c *Conn) MoveDue(k Keys, taskType string) (int, error) {
	n, err := redis.Int(c.do("EVAL", moveDueScript, 2, k.Delayed(taskType), k.Queue(taskType), DueBatch, dueBytes))
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

// dueScript tells when the first entry is due, and not what it is: it may have 512 MB,
// and that is asked whenever anything has changed. Redis tracks the keys of a script
// as it does those of a command.
//
// KEYS: delayed set. Returns a score, or nil.
const dueScript = `return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]`

// wait reads the answer to dueScript.
func wait(reply any, now time.Time) (Wait, error) {
	score, err := redis.String(reply, nil)
	if errors.Is(err, redis.ErrNil) {
		return Wait{}, nil
	}
	if err != nil {
		return Wait{}, typed(err)
	}
	ms, err := strconv.ParseFloat(score, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Wait{}, fmt.Errorf("a score is no number: %w", err)
	}
	left := ms - float64(now.UnixMicro())/1000
	left = min(max(left, 0), float64(farthest.Milliseconds()))
	return Wait{Any: true, Left: time.Duration(left * float64(time.Millisecond))}, nil
}
