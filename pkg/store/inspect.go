package store

import (
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// Remains is what a dead instance has left in a run list.
type Remains struct {
	// Entry is nil if there is none.
	Entry []byte
	// Note is that of the run; Noted is false if there is none.
	Note  Note
	Noted bool
	// Now is the time by the clock of Redis.
	Now time.Time
}

// Inspect looks at a run list.
func (c *Conn) Inspect(k Keys, taskType, instance string, list int) (Remains, error) {
	run := k.Run(taskType, instance, list)
	replies, err := c.conn.Pipeline(call("LINDEX", run, 0), call("HGET", k.Notes(instance), noteField(taskType, list)), call("TIME"))
	if err != nil {
		return Remains{}, err
	}
	if err := firstRefusal(replies); err != nil {
		return Remains{}, fmt.Errorf("read %s: %w", run, err)
	}
	clock, err := redis.Int64s(replies[2], nil)
	if err != nil || len(clock) != 2 {
		return Remains{}, fmt.Errorf("TIME: %w", redisconn.ErrProtocol)
	}
	r := Remains{Now: time.Unix(clock[0], clock[1]*int64(time.Microsecond))}
	r.Entry, _ = replies[0].([]byte)
	note, _ := replies[1].([]byte)
	r.Note, r.Noted = parseNote(string(note))
	return r, nil
}

// FilledBatch is how many run lists [Conn.Filled] looks at in one command.
const FilledBatch = 512

// Filled returns which of the run lists from number first on are not empty, up to but
// without first+[FilledBatch] or n. Usually none is, and one command shows that.
func (c *Conn) Filled(k Keys, taskType, instance string, first, n int) ([]int, error) {
	last := min(first+FilledBatch, n)
	if first >= last {
		return nil, nil
	}
	run := make([]any, 0, last-first)
	each := make([]redisconn.Call, 0, last-first)
	for list := first; list < last; list++ {
		key := k.Run(taskType, instance, list)
		run = append(run, key)
		each = append(each, call("EXISTS", key))
	}
	if count, err := redis.Int(c.conn.Do("EXISTS", run...)); err != nil || count == 0 {
		return nil, err
	}
	replies, err := c.conn.Pipeline(each...)
	if err != nil {
		return nil, err
	}
	var filled []int
	for i, reply := range replies {
		exists, err := redis.Bool(reply, nil)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", run[i], redisconn.Classify(err))
		}
		if exists {
			filled = append(filled, first+i)
		}
	}
	return filled, nil
}
