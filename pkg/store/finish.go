package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// How an entry leaves its run list.
type How string

const (
	// Drop removes the entry: it ran well, or is not to be kept.
	Drop How = "drop"
	// Fail puts a record on the failed list and removes the entry.
	Fail How = "fail"
	// Return puts the entry back at the head of its queue.
	Return How = "return"
	// Delay puts the record, which replaces the entry, among the entries for later.
	Delay How = "delay"
)

// Finish is what becomes of the entry in a run list, and what comes next.
type Finish struct {
	// Run is the run list, with the note of the run that has ended. It is empty
	// afterwards.
	Run RunList
	How How
	// Record is for Fail and Delay: what is pushed instead of the entry. With Fail, nil
	// is for the entry itself.
	Record []byte
	// Keep is for Fail: the limits of the failed list from now on.
	Keep Keep
	// Due and After are for Delay: the time at which the entry is due or, if that is
	// the zero time, how long from now; to the millisecond. Now is by the clock of
	// Redis, which is the same for all hosts.
	Due   time.Time
	After time.Duration
	// TakeNext asks for the next entry of the type.
	TakeNext bool
	// Next is the number of the run list for the next entry, and NextNote the note of
	// its run. The list is expected to be empty. It must not be that of Run: after a
	// lost answer, two equal entries in one list could not be told apart.
	Next     int
	NextNote Note
	// Unsure is set if this was sent before, on a connection that broke.
	Unsure bool
}

// next is the run list for the next entry.
func (f Finish) next() RunList {
	return RunList{Type: f.Run.Type, Instance: f.Run.Instance, List: f.Next, Note: f.NextNote}
}

// Finished is what became of a Finish.
type Finished struct {
	// Err is set if the server refused: the entry is still in its run list, and nothing
	// was taken.
	Err error
	// Gone is set if the run list was empty already: the removal had been carried out
	// before its answer was lost, another host has taken the entry over, or Redis has
	// lost it.
	Gone bool
	// Taken is the next entry, now in Next.
	Taken
	// Expiry is the server's error if the record is on the failed list, and the server
	// refused to limit that list.
	Expiry error
	// Dropped is how many old records the failed list lost because it was full.
	Dropped int
}

// finishScript removes an entry, puts it where it belongs and takes the next, as one
// step.
//
// It is a script, because a MULTI would remove the entry even if the push was refused (a
// failed list of the wrong type): Redis does not roll back. A script ends at its first
// error, and only the push comes before the removal
// (https://redis.io/docs/latest/develop/interact/programmability/eval-intro/).
//
// A refusal after the push would have the record pushed again and again. So the commands
// that follow the push are also called before it, on something that they do not change:
// an LTRIM of nothing. An LMOVE of a key that does not exist comes before that, because
// Redis looks only at the first write of a script whether its memory is full.
//
// A refused LMOVE of the next entry must not undo anything: the blocking take meets the
// same error and reports it. Nor must a refused limit of the failed list. The answer of
// keep is passed on, so that somebody hears of a list that is kept for ever.
//
// If the run list is empty, the entry is where somebody has moved it, and Delay and Fail
// would duplicate it. They push nevertheless if certainly nobody has the entry: Redis has
// lost every trace of this run (see [Conn.Register]), or there is no trace of its type
// now.
//
// An entry that is in the next run list already comes first: a Redis that was restarted
// from a snapshot, or a replica that became the master, may have filled it again.
//
// KEYS:
//  1. the run list
//  2. the queue
//  3. the failed list
//  4. the next run list
//  5. the notes
//  6. the delayed set
//  7. the instances
//  8. a key that does not exist
//
// ARGV:
//  1. How
//  2. the record; "" for the entry itself
//  3. the limits of the failed list, see [Keep.arg]
//  4. "1" to take the next entry
//  5. "at" or "after"
//  6. the time for 5, in ms
//  7. the field of the run list in the notes
//  8. the number of the run
//  9. the field of the next run list in the notes
//  10. the note of the next run
//  11. the field of the notes for what Redis has lost
//
// It returns {number of entries that were in the run list, next entry or nil, its note
// or nil, the answer of keep or nil}.
const finishScript = putNote + keepScript + `
local function lost()
	if redis.call('HGET', KEYS[5], ARGV[7]) then return false end
	local blank = redis.call('HGET', KEYS[5], ARGV[11])
	if blank and tonumber(blank) >= tonumber(ARGV[8]) then return true end
	return redis.call('EXISTS', KEYS[7], KEYS[2], KEYS[6]) == 0
end
local function try()
	redis.call('LMOVE', KEYS[8], KEYS[1], 'LEFT', 'RIGHT')
	redis.call('LTRIM', KEYS[1], 0, -1)
end
local n = redis.call('LLEN', KEYS[1])
local expiry = false
if ARGV[1] == 'return' then
	if n > 0 then redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') end
elseif ARGV[1] == 'drop' then
	redis.call('LTRIM', KEYS[1], 1, -1)
elseif n > 0 or lost() then
	if ARGV[1] == 'delay' then
		try()
		local due = ARGV[6]
		if ARGV[5] == 'after' then
			local t = redis.call('TIME')
			due = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + due)
		end
		redis.call('ZADD', KEYS[6], due, ARGV[2])
		redis.call('LTRIM', KEYS[1], 1, -1)
	else
		if ARGV[2] == '' then
			redis.call('LMOVE', KEYS[1], KEYS[3], 'LEFT', 'RIGHT')
		else
			try()
			redis.call('RPUSH', KEYS[3], ARGV[2])
			redis.call('LTRIM', KEYS[1], 1, -1)
		end
		expiry = keep(KEYS[3], ARGV[3])
	end
end
local entry, note = false, false
if ARGV[4] == '1' then
	local ok
	entry = redis.pcall('LINDEX', KEYS[4], 0)
	if type(entry) == 'string' then
		ok, note = pcall(put, entry, KEYS[5], ARGV[9], ARGV[10])
	elseif not entry and redis.pcall('EXISTS', KEYS[2]) == 1 then
		ok, note = pcall(put, false, KEYS[5], ARGV[9], ARGV[10])
		if ok then entry = redis.pcall('LMOVE', KEYS[2], KEYS[4], 'LEFT', 'RIGHT') end
	end
	if not ok or type(entry) ~= 'string' then entry, note = false, false end
end
return {n, entry, note, expiry}`

func (f Finish) call(k Keys) redisconn.Call {
	from, ms := "after", f.After.Milliseconds()
	if !f.Due.IsZero() {
		from, ms = "at", f.Due.UnixMilli()
	}
	t, next := f.Run.Type, f.next()
	// EVAL rather than EVALSHA: a restarted server knows no scripts, and a NOSCRIPT in
	// the middle of a pipeline would be one more state to get wrong.
	return call(
		"EVAL", finishScript, 8, k.run(f.Run), k.Queue(t), k.Failed(t), k.run(next),
		k.Notes(f.Run.Instance), k.Delayed(t), k.Instances(), k.never(f.Run),
		string(f.How), f.Record, f.Keep.arg(), flag(f.TakeNext), from, ms,
		f.Run.field(), strconv.FormatUint(f.Run.Note.Number, 10), next.field(), next.Note.String(), blankField(t),
	)
}

// ErrSending is wrapped by the error of a connection that broke while results were being
// sent, and not before. One of them may be to blame.
var ErrSending = errors.New("sending results")

// FinishAll carries out all of fs in one round trip and answers in their order. After an
// error nothing is known about any of them: they must be given again with Unsure set, on
// a connection that [Link] made after the loss.
//
// Power loss here: each is one atomic step, so the entry is in its run list or where it
// belongs, never in neither.
func (c *Conn) FinishAll(k Keys, fs []Finish) ([]Finished, error) {
	results := make([]Finished, len(fs))
	if err := c.lookBack(k, fs, results); err != nil {
		return nil, err
	}
	calls := make([]redisconn.Call, 0, len(fs))
	for i, f := range fs {
		if !results[i].Gone {
			calls = append(calls, f.call(k))
		}
	}
	replies, err := c.conn.Pipeline(calls...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSending, err)
	}
	for i := range fs {
		if !results[i].Gone {
			results[i] = parseFinished(replies[0])
			replies = replies[1:]
		}
	}
	return results, nil
}

// parseFinished parses the answer of finishScript.
func parseFinished(reply any) Finished {
	values, err := redis.Values(reply, nil)
	if err == nil && len(values) != 4 {
		err = fmt.Errorf("the finish script answered %d values instead of 4", len(values))
	}
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", redisconn.Classify(err))}
	}
	n, err := redis.Int(values[0], nil)
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", redisconn.Classify(err))}
	}
	f := Finished{Gone: n == 0, Taken: parseTaken(values[1], values[2])}
	if refused, ok := values[3].(redis.Error); ok {
		f.Expiry = fmt.Errorf("limit the failed list: %w", redisconn.Classify(refused))
	} else if dropped, ok := values[3].(int64); ok {
		f.Dropped = int(dropped)
	}
	return f
}

// lookBack finds out which results that were sent before have been carried out. The
// script is one step. So if the run list is empty, all of it was carried out, and the
// entry that it took is in Next, under the note of Next. If the note of the run is gone
// as well, Redis has lost it, and the script decides what to do.
func (c *Conn) lookBack(k Keys, fs []Finish, results []Finished) error {
	var calls []redisconn.Call
	for _, f := range fs {
		if f.Unsure {
			notes := k.Notes(f.Run.Instance)
			calls = append(calls, call("EXISTS", k.run(f.Run)), call("HGET", notes, f.Run.field()),
				call("LINDEX", k.run(f.next()), 0), call("HGET", notes, f.next().field()))
		}
	}
	replies, err := c.conn.Pipeline(calls...)
	if err != nil {
		return err
	}
	for i, f := range fs {
		if !f.Unsure {
			continue
		}
		if err := firstRefusal(replies[:4]); err != nil {
			return fmt.Errorf("read %s and %s: %w", k.run(f.Run), k.run(f.next()), err)
		}
		note, _ := replies[1].([]byte)
		was, known := parseNote(string(note))
		results[i].Gone = replies[0] == int64(0) && known && was.Number == f.Run.Note.Number
		if t := parseTaken(replies[2], replies[3]); results[i].Gone && t.Note.Number == f.NextNote.Number {
			results[i].Taken = t
		}
		replies = replies[4:]
	}
	return nil
}

// firstRefusal returns the first of the replies that is an error.
func firstRefusal(replies []any) error {
	for _, reply := range replies {
		if refused, ok := reply.(redis.Error); ok {
			return redisconn.Classify(refused)
		}
	}
	return nil
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
