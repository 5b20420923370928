package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// Limits of one step of [Conn.MoveDue]: Redis serves nobody else meanwhile, and the
// entries go through the memory of the script.
const (
	// DueBatch is the maximum number of entries.
	DueBatch = 100
	// dueBytes is the number of bytes after which no further entry is moved.
	dueBytes = 8 << 20
	// dueTypes is the maximum number of types.
	dueTypes = 100
)

// moveDueScript moves the entries of several types that are due to the tail of their
// queues, in the order in which they are due. It is one step, so that each entry moves
// once though many instances may try. After a limit is reached it stops at the end of a
// type; the answer lacks the types that come after.
//
// An entry is in the queue before it leaves the set: a refused push (a queue of the wrong
// type) ends the work on that type and loses nothing. If the user may not remove
// anything from the set, an entry would be pushed again and again. So that right is tried
// first, with a member that no entry is equal to. After that write Redis refuses nothing
// for lack of memory: moving an entry needs no more of it.
//
// The last read of each set comes after its last change, so that Redis tracks the set.
// The waiting entries are not part of the answer: one may have 512 MB.
//
// KEYS, for each type:
//  1. the delayed set
//  2. the queue
//
// ARGV:
//  1. the maximum number of entries
//  2. the number of bytes after which no further entry is moved
//
// It returns {seconds, microseconds, …} and for each type {score of the next entry or
// nil, number of entries that were moved} or an error. The first two are the time.
const moveDueScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local most, enough = tonumber(ARGV[1]), tonumber(ARGV[2])
local moved, bytes = 0, 0
local function failed(reply) return type(reply) == 'table' and reply.err end
local function serve(delayed, queue)
	local n = 0
	while true do
		local first = redis.pcall('ZRANGE', delayed, 0, 0, 'WITHSCORES')
		if failed(first) then return first end
		if not first[1] or tonumber(first[2]) > now or moved >= most or bytes >= enough then
			return {first[2] or false, n}
		end
		local may = n > 0 or redis.pcall('ZREM', delayed, 'may this user remove anything?')
		if failed(may) then return may end
		local pushed = redis.pcall('RPUSH', queue, first[1])
		if failed(pushed) then return pushed end
		redis.call('ZREM', delayed, first[1])
		n, moved, bytes = n + 1, moved + 1, bytes + #first[1]
	end
end
local answer = {t[1], t[2]}
for i = 1, #KEYS, 2 do
	answer[#answer + 1] = serve(KEYS[i], KEYS[i + 1])
	if moved >= most or bytes >= enough then break end
end
return answer`

// Due is the state of the entries for later of one type.
type Due struct {
	Type string
	// Moved is the number of entries that were due and are in the queue now.
	Moved int
	// Wait is the time until the next one.
	Wait Wait
	// Refused is the server's error for this type, such as a key of the wrong type. The
	// rest is not known then.
	Refused error
}

// MoveDue moves the entries of these types that are due. It returns the state of the
// first types, of one at least: it stops when it has moved [DueBatch] entries. It has
// moved at least one entry of each type that it returns, if one was due. The error is
// for all of them.
//
// Power loss here: each entry is in the set or in the queue.
func (c *Conn) MoveDue(k Keys, types []string) ([]Due, error) {
	types = types[:min(len(types), dueTypes)]
	args := redis.Args{moveDueScript, 2 * len(types)}
	for _, t := range types {
		args = args.Add(k.Delayed(t), k.Queue(t))
	}
	reply, err := redis.Values(c.conn.Do("EVAL", args.Add(DueBatch, dueBytes)...))
	if err != nil {
		return nil, fmt.Errorf("move due entries of %d types: %w", len(types), err)
	}
	if len(reply) < 3 || len(reply)-2 > len(types) {
		return nil, fmt.Errorf("move due entries of %d types: %w", len(types), redisconn.ErrProtocol)
	}
	clock, err := redis.Int64s(reply[:2], nil)
	if err != nil {
		return nil, fmt.Errorf("move due entries: read the time of redis: %w", err)
	}
	now := time.Unix(clock[0], clock[1]*int64(time.Microsecond))
	due := make([]Due, 0, len(reply)-2)
	for i, r := range reply[2:] {
		d, err := c.parseDue(r, now)
		if err != nil {
			err = fmt.Errorf("move due entries of %s: %w", k.Delayed(types[i]), err)
		}
		if err != nil && !Refused(err) {
			return nil, err
		}
		d.Type, d.Refused = types[i], err
		due = append(due, d)
	}
	return due, nil
}

// parseDue parses the answer of moveDueScript for one type.
func (c *Conn) parseDue(reply any, now time.Time) (d Due, err error) {
	if refused, ok := reply.(redis.Error); ok {
		return d, c.conn.Classify(refused)
	}
	parts, err := redis.Values(reply, nil)
	if err != nil || len(parts) != 2 {
		return d, errors.Join(redisconn.ErrProtocol, err)
	}
	if d.Moved, err = redis.Int(parts[1], nil); err != nil {
		return d, err
	}
	d.Wait, err = parseWait(parts[0], now)
	return d, err
}

// Wait is the time until an entry is due.
type Wait struct {
	// Any is false if there is no entry.
	Any bool
	// Left is the time until then, by the clock of Redis; 0 if it is due.
	Left time.Duration
}

// farthest limits Left: a score can be any number, even an infinite one.
const farthest = 365 * 24 * time.Hour

// parseWait parses the score of the first entry, or nil if there is none.
func parseWait(reply any, now time.Time) (Wait, error) {
	score, err := redis.String(reply, nil)
	if errors.Is(err, redis.ErrNil) {
		return Wait{}, nil
	}
	if err != nil {
		return Wait{}, redisconn.Classify(err)
	}
	ms, err := strconv.ParseFloat(score, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Wait{}, fmt.Errorf("a score is not a number: %w", err)
	}
	left := ms - float64(now.UnixMicro())/1000
	left = min(max(left, 0), float64(farthest.Milliseconds()))
	return Wait{Any: true, Left: time.Duration(left * float64(time.Millisecond))}, nil
}
