package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// MaxString is how long an element of a list can be at most, in bytes: longer
// ones are not even sent, as Redis closes the connection on which one comes. It is
// the default of "proto-max-bulk-len" in redis.conf; where that is lower, see [Fits].
const MaxString = 512 << 20

// How an entry leaves its run list.
type How string

const (
	// Drop removes the entry: it ran well, or is not to be kept.
	Drop How = "drop"
	// Fail puts a record on the failed list and removes the entry.
	Fail How = "fail"
	// Return puts the entry back at the head of its queue.
	Return How = "return"
	// Delay puts the entry, as Record has it, among those for later.
	Delay How = "delay"
)

// Finish says what becomes of the entry in a run list, and what comes next.
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
	// Unsure says that this was sent before on a connection that broke.
	Unsure bool
}

// Finished is what became of a Finish.
type Finished struct {
	// Err is set when the server refused: the entry still stands in its run
	// list, and nothing was taken.
	Err error
	// Gone says that the run list was empty already: the removal had been
	// carried out before its answer was lost, another host has taken the entry over,
	// or Redis has lost it.
	Gone bool
	// Taken is the next entry, now in Next.
	Taken
	// Expiry is the server's error when the failure is on its list, and the server
	// refused to bound that.
	Expiry error
	// Dropped is how many old records the failed list lost, since it was full.
	Dropped int
}

// finishScript removes an entry, puts it where it belongs and takes the next,
// as one step.
//
// It is a script because a MULTI would remove the entry even where the push was
// refused (a failed list of the wrong type): Redis does not roll back, but a
// script ends at its first error, and only the push comes before the removal
// (https://redis.io/docs/latest/develop/interact/programmability/eval-intro/).
// A refusal after the push would have the record pushed again and again. So what is
// called after it is called before it as well, on what it does not change: an LTRIM
// of nothing. An LMOVE of a key that does not exist comes before that, because Redis
// looks whether its memory is full at the first write of a script only. A refused
// LMOVE of the next entry must not undo anything: the blocking take will meet the
// same error and report it. Nor must a refused bound: what keep returned is passed on,
// so that somebody hears of a list that is kept for ever.
//
// Where the run list is empty, whoever took the entry away has it, and Delay and
// Fail would have it twice. They push all the same what certainly nobody has: this
// run is one of those of which Redis has lost every trace (see [Conn.Register]), or
// there is no trace of its type now.
//
// What is in the next run list already comes first: a Redis that was restarted
// from a snapshot, or a replica that became the master, may have filled it again.
//
// KEYS: run list, queue, failed list, next run list, notes, delayed set, instances,
// one that does not exist.
// ARGV: how, record ("" for the entry itself), Keep, "1" to take the next,
// "at" or "after", ms, field of the run list, number of the run, field of the next
// run list, its note, field that says what Redis has lost.
// Returns {entries that were in the run list, next entry or nil, its note or nil,
// what keep returned}.
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

// next is the run list for the next entry.
func (f Finish) next() RunList { return RunList{f.Run.Type, f.Run.Instance, f.Next, f.NextNote} }

func (f Finish) call(k Keys) call {
	// EVAL rather than EVALSHA: a restarted server knows no scripts, and a
	// NOSCRIPT in the middle of a pipeline is a state more to get wrong.
	from, ms := "after", f.After.Milliseconds()
	if !f.Due.IsZero() {
		from, ms = "at", f.Due.UnixMilli()
	}
	taskType, run, next := f.Run.Type, k.run(f.Run), f.next()
	return call{"EVAL", []any{
		finishScript, 8, run, k.Queue(taskType), k.Failed(taskType), k.run(next), k.Notes(f.Run.Instance), k.Delayed(taskType), k.Instances(), nothing(run),
		string(f.How), f.Record, f.Keep.arg(), flag(f.TakeNext), from, ms,
		f.Run.field(), strconv.FormatUint(f.Run.Note.Number, 10), next.field(), next.Note.String(), blankField(taskType),
	}}
}

// nothing is a key beside a run list that never exists.
func nothing(run string) string { return run + ":nothing" }

// ErrSending is wrapped by the error of a connection that broke while results were
// sent, and not before. One of them may be to blame.
var ErrSending = errors.New("sending results")

// FinishAll carries out all of fs in one round trip and answers in their order.
// With an error nothing is known of any of them: they must be given again with
// Unsure set, on a connection that [Link] made after the loss.
//
// Power loss here: each is one atomic step, so the entry is in its run list or
// where it belongs, never neither.
func (c *Conn) FinishAll(k Keys, fs []Finish) ([]Finished, error) {
	results := make([]Finished, len(fs))
	if err := c.lookBack(k, fs, results); err != nil {
		return nil, err
	}
	calls := make([]call, 0, len(fs))
	for i, f := range fs {
		if !results[i].Gone {
			calls = append(calls, f.call(k))
		}
	}
	replies, err := c.pipeline(calls)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSending, err)
	}
	for i := range fs {
		if !results[i].Gone {
			results[i] = finished(replies[0])
			replies = replies[1:]
		}
	}
	return results, nil
}

func finished(reply any) Finished {
	values, err := redis.Values(reply, nil)
	if err == nil && len(values) != 4 {
		err = fmt.Errorf("the finish script answered %d values instead of 4", len(values))
	}
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", typed(err))}
	}
	n, err := redis.Int(values[0], nil)
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", typed(err))}
	}
	f := Finished{Gone: n == 0, Taken: taken(values[1], values[2])}
	if refused, ok := values[3].(redis.Error); ok {
		f.Expiry = fmt.Errorf("bound the failed list: %w", typed(refused))
	} else if dropped, ok := values[3].(int64); ok {
		f.Dropped = int(dropped)
	}
	return f
}

// lookBack finds out which of those that were sent before were carried out: the
// script is one step, so an empty run list means that all of it was, and the entry
// that it took is in Next, under the note of Next. Where the note of the run is gone
// as well, Redis has lost it, and what to do is for the script to decide.
func (c *Conn) lookBack(k Keys, fs []Finish, results []Finished) error {
	var calls []call
	for _, f := range fs {
		if f.Unsure {
			notes := k.Notes(f.Run.Instance)
			calls = append(calls, call{"EXISTS", []any{k.run(f.Run)}}, call{"HGET", []any{notes, f.Run.field()}},
				call{"LINDEX", []any{k.run(f.next()), 0}}, call{"HGET", []any{notes, f.next().field()}})
		}
	}
	replies, err := c.pipeline(calls)
	if err != nil {
		return err
	}
	for i, f := range fs {
		if !f.Unsure {
			continue
		}
		for _, reply := range replies[:4] {
			if refused, ok := reply.(redis.Error); ok {
				return fmt.Errorf("look at %s and %s: %w", k.run(f.Run), k.run(f.next()), typed(refused))
			}
		}
		note, _ := replies[1].([]byte)
		was, known := readNote(string(note))
		results[i].Gone = replies[0] == int64(0) && known && was.Number == f.Run.Note.Number
		if t := taken(replies[2], replies[3]); results[i].Gone && t.Note.Number == f.NextNote.Number {
			results[i].Taken = t
		}
		replies = replies[4:]
	}
	return nil
}
