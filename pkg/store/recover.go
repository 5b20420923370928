package store

import (
	"crypto/sha1" //nolint:gosec // compares two copies of one entry; nobody gains by a collision
	"encoding/hex"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// RecoveryLimit is how often a daemon dies while it runs an entry before the entry
	// counts as the likely cause.
	RecoveryLimit = 3
	// RecoveryWindow is the time in which that has to happen.
	RecoveryWindow = 72 * time.Hour
	// TakeoverKept is how long an instance that comes back, for example from a suspend, can
	// learn that entries of it were taken over.
	TakeoverKept = 72 * time.Hour
)

// Recovery moves one entry out of the run list of a dead instance.
type Recovery struct {
	// Dead is the instance, Type the type, and List the number of its run list.
	Dead string
	Type string
	List int
	// Certain is set if the instance is certainly dead. Otherwise nothing is moved while
	// its lease exists.
	Certain bool
	// Entry is what [Conn.Inspect] found in the run list.
	Entry []byte
	// Fail moves the entry to the failed list instead of back to its queue.
	Fail bool
	// Record replaces the entry there; nil is for the entry itself.
	Record []byte
	// Keep limits the failed list.
	Keep Keep
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
	// Failed: the entry is on the failed list.
	Failed Recovered = "failed"
)

// recoverScript moves an entry of a dead instance. It is one step, so that the entry
// moves once though many instances may try, and not while its own instance lives.
//
// As in finishScript, the commands that could be refused after the first change are tried
// before it. A limit of the failed list that is refused after the entry was moved is no
// error: nobody would hear of an entry that is not run again.
//
// An instance that was only cut off, or frozen, learns from the mark that it has lost
// entries. The mark comes before they move.
//
// The note is removed with the entry, so that an instance that lives after all pushes no
// record of it. A record that replaces an entry of a queue goes there by way of the run
// list: this needs no right that is not needed anyway.
//
// KEYS:
//  1. the run list
//  2. the queue
//  3. the failed list
//  4. the notes
//  5. the lease
//  6. the suspect
//  7. the mark of a takeover
//  8. a key that does not exist
//
// ARGV:
//  1. "1" if the instance is certainly dead
//  2. the SHA-1 of the entry
//  3. the field of the run list in the notes
//  4. "1" to move the entry to the failed list
//  5. the record; "" for the entry itself
//  6. the limits of the failed list, see [Keep.arg]
//  7. how long the mark is kept, in s
//
// It returns a [Recovered].
const recoverScript = keepScript + hashScript + `
if ARGV[1] ~= '1' and redis.call('EXISTS', KEYS[5]) == 1 then return 'alive' end
if redis.call('EXISTS', KEYS[6]) == 1 then return 'alive' end
local entry = redis.call('LINDEX', KEYS[1], 0)
if not entry or redis.sha1hex(entry) ~= ARGV[2] then return 'nothing' end
redis.call('LMOVE', KEYS[8], KEYS[1], 'LEFT', 'RIGHT')
redis.call('LTRIM', KEYS[1], 0, -1)
redis.call('HDEL', KEYS[4], 'may this user remove anything?')
local clock = redis.call('TIME')
all(KEYS[7])
redis.call('HSET', KEYS[7], 'at', clock[1] .. '.' .. clock[2])
redis.pcall('EXPIRE', KEYS[7], ARGV[7])
if ARGV[4] == '1' then
	if ARGV[5] == '' then
		redis.call('LMOVE', KEYS[1], KEYS[3], 'LEFT', 'RIGHT')
	else
		redis.call('RPUSH', KEYS[3], ARGV[5])
		redis.call('LTRIM', KEYS[1], 1, -1)
	end
	keep(KEYS[3], ARGV[6])
elseif ARGV[5] == '' then
	redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'LEFT')
else
	redis.call('RPUSH', KEYS[1], ARGV[5])
	local moved = redis.pcall('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')
	if type(moved) == 'table' then
		redis.call('LTRIM', KEYS[1], 0, -2)
		return moved
	end
	redis.call('LTRIM', KEYS[1], 1, -1)
end
redis.call('HDEL', KEYS[4], ARGV[3])
return ARGV[4] == '1' and 'failed' or 'requeued'`

// Recover carries out a recovery.
//
// Power loss here: the entry is in the run list or where it belongs, never in neither.
// The next recovery goes on.
func (c *Conn) Recover(k Keys, r Recovery) (Recovered, error) {
	sum := sha1.Sum(r.Entry) //nolint:gosec // see above
	list := RunList{Type: r.Type, Instance: r.Dead, List: r.List}
	result, err := redis.String(c.conn.Do(
		"EVAL", recoverScript, 8, k.run(list), k.Queue(r.Type), k.Failed(r.Type), k.Notes(r.Dead),
		k.Lease(r.Dead), k.Suspect(r.Dead), k.Takeover(r.Dead), k.never(list),
		flag(r.Certain), hex.EncodeToString(sum[:]), list.field(), flag(r.Fail),
		r.Record, r.Keep.arg(), int64(TakeoverKept.Seconds()),
	))
	if err != nil {
		return "", fmt.Errorf("recover %s: %w", k.run(list), err)
	}
	return Recovered(result), nil
}

// forgetDeadScript removes the record of a dead instance, as one step: an instance that
// has come back meanwhile needs it. The mark of a takeover stays, unless the instance is
// certainly dead.
//
// The record itself is removed last: if the rest is refused, another instance tries
// again.
//
// KEYS:
//  1. the instances
//  2. the lease
//  3. the suspect
//  4. the connections
//  5. the notes
//  6. the mark of a takeover
//
// ARGV:
//  1. the instance
//  2. "1" if it is certainly dead
//
// It returns nothing.
const forgetDeadScript = `
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then return end
if redis.call('EXISTS', KEYS[3]) == 1 then return end
redis.call('DEL', KEYS[2], KEYS[4], KEYS[5])
if ARGV[2] == '1' then redis.call('DEL', KEYS[6]) end
redis.call('HDEL', KEYS[1], ARGV[1])`

// ForgetDead removes the record of an instance whose entries were all recovered. Unless
// the instance is certainly dead, it removes nothing while the lease exists.
func (c *Conn) ForgetDead(k Keys, instance string, certain bool) error {
	keys := []any{k.Instances(), k.Lease(instance), k.Suspect(instance), k.Connections(instance), k.Notes(instance), k.Takeover(instance)}
	args := append([]any{forgetDeadScript, len(keys)}, append(keys, instance, flag(certain))...)
	if _, err := c.conn.Do("EVAL", args...); err != nil {
		return fmt.Errorf("deregister the dead instance %s: %w", instance, err)
	}
	return nil
}

// certainSize is the number of bytes that every Redis accepts with one command, however
// it is configured: "proto-max-bulk-len" and "client-query-buffer-limit" are 1 MiB at
// least, and the script is part of the command.
const certainSize = 1<<20 - 64<<10

// Fits reports whether a record is so small that its size cannot be the reason if Redis
// closes the connection on which it comes.
func Fits(record []byte) bool { return len(record) <= certainSize }
