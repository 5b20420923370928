package store

import (
	"crypto/sha1" //nolint:gosec // compares two copies of one entry; nobody gains by a collision
	"encoding/hex"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// RecoveryLimit is how often an entry is recovered before it counts as
	// poison: one that may itself be what kills the daemon.
	RecoveryLimit = 3
	// RecoveryWindow is the time in which that has to happen.
	RecoveryWindow = 72 * time.Hour
	// TakenKept is how long an instance that comes back, from a suspend say, can learn
	// that entries of it were taken over.
	TakenKept = 72 * time.Hour
)

// Recovery moves one entry out of the run list of a dead instance.
type Recovery struct {
	// Dead is the instance, Type the type, and List the number of its run list.
	Dead string
	Type string
	List int
	// Certain says that the instance is known to be dead. Otherwise nothing is
	// moved while its lease exists.
	Certain bool
	// Entry is what [Conn.Peek] found in the run list.
	Entry []byte
	// Fail has the entry go to the failed list rather than back to its queue.
	Fail bool
	// Record is what stands on the failed list then, or when the entry is
	// poison, nil for the entry itself; Keep is what bounds that list.
	Record []byte
	Keep   Keep
}

// Recovered is what became of a Recovery.
type Recovered string

const (
	// RecoveredNothing: the entry is gone, somebody else was faster.
	RecoveredNothing Recovered = "nothing"
	// RecoveredAlive: the instance lives, or has time to come back.
	RecoveredAlive Recovered = "alive"
	// Requeued: the entry is at the head of its queue.
	Requeued Recovered = "requeued"
	// FailedOnCrash: the entry is on the failed list, as Fail has it.
	FailedOnCrash Recovered = "failed"
	// Poisoned: the entry is on the failed list, having been recovered
	// [RecoveryLimit] times in [RecoveryWindow].
	Poisoned Recovered = "poison"
)

// recoverScript is one step, so that of many who try one moves the entry, and
// none moves it while its instance lives. A bound on the list that is refused after the
// entry was moved is no error: nobody would be told of an entry that is not run again.
//
// An instance that was only cut off, or stood still, learns from the mark that it has
// lost entries. The mark comes before they move.
//
// KEYS: run list, queue, failed list, recoveries, lease, suspect, taken.
// ARGV: "1" if certain, SHA-1 of the entry, type, "1" to fail it, record ("" for
// the entry itself), Keep, limit, window in s, how long the mark is kept in s.
// Returns one of Recovered.
const recoverScript = keepScript + `
if ARGV[1] ~= '1' and redis.call('EXISTS', KEYS[5]) == 1 then return 'alive' end
if redis.call('EXISTS', KEYS[6]) == 1 then return 'alive' end
local entry = redis.call('LINDEX', KEYS[1], 0)
if not entry or redis.sha1hex(entry) ~= ARGV[2] then return 'nothing' end
local clock = redis.call('TIME')
redis.call('HSET', KEYS[7], 'at', clock[1] .. '.' .. clock[2])
redis.pcall('EXPIRE', KEYS[7], ARGV[9])
local field = redis.sha1hex(ARGV[3] .. '\0' .. entry)
local now, window = tonumber(redis.call('TIME')[1]), tonumber(ARGV[8])
local times, since = 0, now
local noted = redis.call('HGET', KEYS[4], field)
if noted then
	local n, first = string.match(noted, '^(%d+) (%d+)$')
	if n and now - tonumber(first) < window then times, since = tonumber(n), tonumber(first) end
end
times = times + 1
local poison = times >= tonumber(ARGV[7])
if ARGV[4] == '1' or poison then
	if ARGV[5] == '' then
		redis.call('LMOVE', KEYS[1], KEYS[3], 'LEFT', 'RIGHT')
	else
		redis.call('RPUSH', KEYS[3], ARGV[5])
		redis.call('LTRIM', KEYS[1], 1, -1)
	end
	keep(KEYS[3], ARGV[6])
	redis.pcall('HDEL', KEYS[4], field)
	return ARGV[4] == '1' and 'failed' or 'poison'
end
redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')
redis.call('HSET', KEYS[4], field, times .. ' ' .. since)
redis.pcall('EXPIRE', KEYS[4], window)
return 'requeued'`

// Recover carries out a recovery.
//
// Power loss here: the entry is in the run list or where it belongs, never
// neither; the next one who looks goes on.
func (c *Conn) Recover(k Keys, r Recovery) (Recovered, error) {
	sum := sha1.Sum(r.Entry) //nolint:gosec // see above
	result, err := redis.String(c.do(
		"EVAL", recoverScript, 7,
		k.Run(r.Type, r.Dead, r.List), k.Queue(r.Type), k.Failed(r.Type), k.Recoveries(),
		k.Lease(r.Dead), k.Suspect(r.Dead), k.Taken(r.Dead),
		flag(r.Certain), hex.EncodeToString(sum[:]), r.Type, flag(r.Fail),
		r.Record, r.Keep.arg(), RecoveryLimit, int64(RecoveryWindow.Seconds()), int64(TakenKept.Seconds()),
	))
	if err != nil {
		return "", fmt.Errorf("recover %s: %w", k.Run(r.Type, r.Dead, r.List), err)
	}
	return Recovered(result), nil
}

// forgetDeadScript takes a dead instance off the record, as one step: one that has
// come back meanwhile needs it. Only one that is certainly dead needs no mark.
//
// KEYS: instances, lease, suspect, connections, taken. ARGV: instance, "1" if certain.
const forgetDeadScript = `
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then return end
if redis.call('EXISTS', KEYS[3]) == 1 then return end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[4])
if ARGV[2] == '1' then redis.call('DEL', KEYS[5]) end`

// ForgetDead removes an instance whose entries were all recovered. Unless it is
// certain that it is dead, nothing is removed while its lease exists.
func (c *Conn) ForgetDead(k Keys, id string, certain bool) error {
	keys := []any{k.Instances(), k.Lease(id), k.Suspect(id), k.Connections(id), k.Taken(id)}
	args := append([]any{forgetDeadScript, len(keys)}, append(keys, id, flag(certain))...)
	if _, err := c.do("EVAL", args...); err != nil {
		return fmt.Errorf("take the dead instance %s off the record: %w", id, err)
	}
	return nil
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// FilledBatch is how many run lists [Conn.Filled] looks at in one command.
const FilledBatch = 512

// Filled returns which of the run lists from number first up to, but without,
// first+[FilledBatch] or n hold something. Mostly none does, and one command
// tells.
func (c *Conn) Filled(k Keys, taskType, id string, first, n int) ([]int, error) {
	last := min(first+FilledBatch, n)
	if first >= last {
		return nil, nil
	}
	run := make([]any, 0, last-first)
	each := make([]call, 0, last-first)
	for list := first; list < last; list++ {
		key := k.Run(taskType, id, list)
		run = append(run, key)
		each = append(each, call{"EXISTS", []any{key}})
	}
	if count, err := redis.Int(c.do("EXISTS", run...)); err != nil || count == 0 {
		return nil, err
	}
	replies, err := c.pipeline(each)
	if err != nil {
		return nil, err
	}
	var filled []int
	for i, reply := range replies {
		exists, err := redis.Bool(reply, nil)
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", run[i], typed(err))
		}
		if exists {
			filled = append(filled, first+i)
		}
	}
	return filled, nil
}
