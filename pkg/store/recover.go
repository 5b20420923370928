package store

import (
	"crypto/sha1" //nolint:gosec // compares two copies of one entry; nobody gains by a collision
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// RecoveryLimit is how often a daemon dies while it runs an entry before the
	// entry counts as poison: one that may itself be what kills the daemon.
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
	// Entry is what [Conn.Inspect] found in the run list.
	Entry []byte
	// Fail has the entry go to the failed list rather than back to its queue.
	Fail bool
	// Record is what goes there instead of the entry, nil for the entry itself.
	Record []byte
	// Keep bounds the failed list.
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

// recoverScript is one step, so that of many who try one moves the entry, and
// none moves it while its instance lives. As in finishScript, what a refusal could
// end the script at after the first change is tried before it. A bound on the list that
// is refused after the entry was moved is no error: nobody would be told of an entry
// that is not run again.
//
// An instance that was only cut off, or stood still, learns from the mark that it has
// lost entries. The mark comes before they move.
//
// The note goes with the entry, so that an instance that lives after all pushes no
// record of it. What replaces an entry of a queue goes there by way of the run list:
// this needs no right that is not needed anyway.
//
// KEYS: run list, queue, failed list, notes, lease, suspect, taken, one that does not
// exist.
// ARGV: "1" if certain, SHA-1 of the entry, field of the note, "1" to fail it, record
// ("" for the entry itself), Keep, how long the mark is kept in s.
// Returns one of Recovered.
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
// Power loss here: the entry is in the run list or where it belongs, never
// neither; the next one who looks goes on.
func (c *Conn) Recover(k Keys, r Recovery) (Recovered, error) {
	sum := sha1.Sum(r.Entry) //nolint:gosec // see above
	run := k.Run(r.Type, r.Dead, r.List)
	result, err := redis.String(c.do(
		"EVAL", recoverScript, 8,
		run, k.Queue(r.Type), k.Failed(r.Type), k.Notes(r.Dead), k.Lease(r.Dead), k.Suspect(r.Dead), k.Taken(r.Dead), nothing(run),
		flag(r.Certain), hex.EncodeToString(sum[:]), noteField(r.Type, r.List), flag(r.Fail),
		r.Record, r.Keep.arg(), int64(TakenKept.Seconds()),
	))
	if err != nil {
		return "", fmt.Errorf("recover %s: %w", run, err)
	}
	return Recovered(result), nil
}

// Remains is what a dead instance has left in a run list.
type Remains struct {
	// Entry is nil where there is nothing.
	Entry []byte
	// Note is that of the run; Noted is false where there is none.
	Note  Note
	Noted bool
	// Now is the time by the clock of Redis.
	Now time.Time
}

// Inspect looks at a run list.
func (c *Conn) Inspect(k Keys, taskType, id string, list int) (Remains, error) {
	run := k.Run(taskType, id, list)
	replies, err := c.pipeline([]call{
		{"LINDEX", []any{run, 0}}, {"HGET", []any{k.Notes(id), noteField(taskType, list)}}, {"TIME", nil},
	})
	if err != nil {
		return Remains{}, err
	}
	for _, reply := range replies {
		if refused, ok := reply.(redis.Error); ok {
			return Remains{}, fmt.Errorf("look at %s: %w", run, typed(refused))
		}
	}
	clock, err := redis.Int64s(replies[2], nil)
	if err != nil || len(clock) != 2 {
		return Remains{}, fmt.Errorf("TIME: %w", ErrProtocol)
	}
	r := Remains{Now: time.Unix(clock[0], clock[1]*int64(time.Microsecond))}
	r.Entry, _ = replies[0].([]byte)
	note, _ := replies[1].([]byte)
	r.Note, r.Noted = readNote(string(note))
	return r, nil
}

// forgetDeadScript takes a dead instance off the record, as one step: one that has
// come back meanwhile needs it. Only one that is certainly dead needs no mark.
//
// The record goes last: where the rest is refused, somebody will try again.
//
// KEYS: instances, lease, suspect, connections, notes, taken. ARGV: instance, "1" if certain.
const forgetDeadScript = `
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then return end
if redis.call('EXISTS', KEYS[3]) == 1 then return end
redis.call('DEL', KEYS[2], KEYS[4], KEYS[5])
if ARGV[2] == '1' then redis.call('DEL', KEYS[6]) end
redis.call('HDEL', KEYS[1], ARGV[1])`

// ForgetDead removes an instance whose entries were all recovered. Unless it is
// certain that it is dead, nothing is removed while its lease exists.
func (c *Conn) ForgetDead(k Keys, id string, certain bool) error {
	keys := []any{k.Instances(), k.Lease(id), k.Suspect(id), k.Connections(id), k.Notes(id), k.Taken(id)}
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

// Note returns what is noted of a run list; noted is false where nothing is.
func (c *Conn) Note(k Keys, taskType, id string, list int) (n Note, noted bool, err error) {
	text, err := redis.String(c.do("HGET", k.Notes(id), noteField(taskType, list)))
	if errors.Is(err, redis.ErrNil) {
		return Note{}, false, nil
	}
	if err != nil {
		return Note{}, false, err
	}
	n, noted = readNote(text)
	return n, noted, nil
}

// surely is how many bytes every Redis takes with one command, however it is
// configured: "proto-max-bulk-len" and "client-query-buffer-limit" are 1 MiB at least,
// and the script comes to it.
const surely = 1<<20 - 64<<10

// Fits reports whether a record is so small that it cannot be its size if Redis closes
// the connection on which it comes.
func Fits(record []byte) bool { return len(record) <= surely }
