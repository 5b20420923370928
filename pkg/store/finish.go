package store

import (
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// MaxString is how long an element of a list can be at most, in bytes: longer
// ones are not even sent, as Redis closes the connection on which one comes
// ("proto-max-bulk-len" in redis.conf, which is not meant to be changed).
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
	// Run is the run list. It is empty afterwards.
	Run string
	How How
	// Failed, Record and Keep are for Fail: the list, the record to push (nil for
	// the entry itself), and what bounds the list from now on.
	Failed string
	Record []byte
	Keep   Keep
	// Delayed, Due and After are for Delay: the sorted set; when the entry is due,
	// or, where that is the zero time, how long from now on; to the millisecond.
	// Now is by the clock of Redis, which is one for all hosts.
	Delayed string
	Due     time.Time
	After   time.Duration
	// Queue is where Return puts the entry, and where the next one is taken.
	Queue string
	// Next is the run list for the next entry. It must be thought to be empty and
	// must not be Run: after a lost answer two equal entries in one list could
	// not be told apart.
	Next string
	// Type and Recoveries name what all but Return forget: how often the entry was
	// recovered. It has been run to its end, and an equal one is another one.
	Type, Recoveries string
	// TakeNext asks for the next entry.
	TakeNext bool
	// Unsure says that this was sent before on a connection that broke.
	Unsure bool
}

// Finished is what became of a Finish.
type Finished struct {
	// Err is set when the server refused: the entry still stands in its run
	// list, and nothing was taken.
	Err error
	// Gone says that the run list was empty already: the removal had been
	// carried out before its answer was lost, or Redis has lost the entry.
	Gone bool
	// Entry is the next entry, now in Next, or nil.
	Entry []byte
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
// A refused LMOVE of the next entry, on the other hand, must not undo anything:
// the blocking take will meet the same error and report it. Nor must a refused
// HDEL or keep: an error after the push would have the record pushed again and
// again. What keep returned is passed on, so that somebody hears of a list that is
// kept for ever.
//
// Delay does nothing where the run list is empty: whoever took the entry away has
// it, and it would be there twice.
//
// What stands in the next run list already comes first: a Redis that was restarted
// from a snapshot, or a replica that became the master, may have filled it again.
//
// KEYS: run list, queue, failed list, next run list, recoveries, delayed set.
// ARGV: how, record ("" for the entry itself), Keep, "1" to take the next,
// type, "at" or "after", ms.
// Returns {entries that were in the run list, next entry or nil, what keep returned}.
const finishScript = keepScript + `
local n = redis.call('LLEN', KEYS[1])
local expiry = false
if ARGV[1] == 'return' then
	if n > 0 then redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') end
else
	if ARGV[1] == 'fail' and ARGV[2] ~= '' then
		redis.call('RPUSH', KEYS[3], ARGV[2])
	end
	if ARGV[1] == 'delay' and n > 0 then
		local due = ARGV[7]
		if ARGV[6] == 'after' then
			local t = redis.call('TIME')
			due = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + due)
		end
		redis.call('ZADD', KEYS[6], due, ARGV[2])
	end
	if n > 0 and redis.call('EXISTS', KEYS[5]) == 1 then
		redis.pcall('HDEL', KEYS[5], redis.sha1hex(ARGV[5] .. '\0' .. redis.call('LINDEX', KEYS[1], 0)))
	end
	if ARGV[1] == 'fail' and ARGV[2] == '' then
		redis.call('LMOVE', KEYS[1], KEYS[3], 'LEFT', 'RIGHT')
	else
		redis.call('LTRIM', KEYS[1], 1, -1)
	end
	if ARGV[1] == 'fail' then expiry = keep(KEYS[3], ARGV[3]) end
end
local entry = false
if ARGV[4] == '1' then
	entry = redis.pcall('LINDEX', KEYS[4], 0)
	if not entry then entry = redis.pcall('LMOVE', KEYS[2], KEYS[4], 'LEFT', 'RIGHT') end
	if type(entry) ~= 'string' then entry = false end
end
return {n, entry, expiry}`

func (f Finish) call() call {
	// EVAL rather than EVALSHA: a restarted server knows no scripts, and a
	// NOSCRIPT in the middle of a pipeline is a state more to get wrong.
	from, ms := "after", f.After.Milliseconds()
	if !f.Due.IsZero() {
		from, ms = "at", f.Due.UnixMilli()
	}
	return call{"EVAL", []any{
		finishScript, 6, f.Run, f.Queue, f.Failed, f.Next, f.Recoveries, f.Delayed,
		string(f.How), f.Record, f.Keep.arg(), flag(f.TakeNext), f.Type, from, ms,
	}}
}

// FinishAll carries out all of fs in one round trip and answers in their order.
// With an error nothing is known of any of them: they must be given again with
// Unsure set, on a connection that [Link] made after the loss.
//
// Power loss here: each is one atomic step, so the entry is in its run list or
// where it belongs, never neither.
func (c *Conn) FinishAll(fs []Finish) ([]Finished, error) {
	results := make([]Finished, len(fs))
	if err := c.lookBack(fs, results); err != nil {
		return nil, err
	}
	calls := make([]call, 0, len(fs))
	for i, f := range fs {
		if !results[i].Gone {
			calls = append(calls, f.call())
		}
	}
	replies, err := c.pipeline(calls)
	if err != nil {
		return nil, err
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
	if err == nil && len(values) != 3 {
		err = fmt.Errorf("the finish script answered %d values instead of 3", len(values))
	}
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", typed(err))}
	}
	n, err := redis.Int(values[0], nil)
	if err != nil {
		return Finished{Err: fmt.Errorf("finish: %w", typed(err))}
	}
	entry, _ := values[1].([]byte)
	f := Finished{Gone: n == 0, Entry: entry}
	if refused, ok := values[2].(redis.Error); ok {
		f.Expiry = fmt.Errorf("bound the failed list: %w", typed(refused))
	} else if dropped, ok := values[2].(int64); ok {
		f.Dropped = int(dropped)
	}
	return f
}

// lookBack finds out which of those that were sent before were carried out: the
// script is one step, so an empty run list means that all of it was, and what
// it took stands in Next.
func (c *Conn) lookBack(fs []Finish, results []Finished) error {
	var calls []call
	for _, f := range fs {
		if f.Unsure {
			calls = append(calls, call{"EXISTS", []any{f.Run}}, call{"LINDEX", []any{f.Next, 0}})
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
		exists, err := redis.Bool(replies[0], nil)
		if err != nil {
			return fmt.Errorf("look at %s: %w", f.Run, typed(err))
		}
		entry, err := redis.Bytes(replies[1], nil)
		if err != nil && replies[1] != nil {
			return fmt.Errorf("look at %s: %w", f.Next, typed(err))
		}
		results[i] = Finished{Gone: !exists, Entry: entry}
		replies = replies[2:]
	}
	return nil
}
