package store

import (
	"crypto/sha1" //nolint:gosec // compares two copies of one record; nobody gains by a collision
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Renewal is what the renewal of a lease has found.
type Renewal struct {
	// Server identifies the run of the server ("run_id" of INFO): it is another one
	// after a restart and after a failover.
	Server string
	// Taken is another text after each time that an entry of this instance was moved
	// by somebody else; "" for never within [TakenKept].
	Taken string
}

// hashScript begins scripts that use hashes of their own. A key of another type in the
// place of one, which anybody may have made, goes: without its lease or the mark of a
// takeover, no instance could be told from a dead one.
const hashScript = `
local function all(key)
	local fields = redis.pcall('HGETALL', key)
	if not fields.err then return fields end
	if string.find(fields.err, 'WRONGTYPE', 1, true) then redis.call('DEL', key) end
	return redis.call('HGETALL', key)
end
`

// registerScript renews a lease. The record is written only where it is not what it
// should be, so that renewals add little to an append-only file.
//
// KEYS: instances, lease, connections, taken.
// ARGV: instance, lease in ms, SHA-1 of the record, record or "", number of closed
// connections, their ids, ids of open connections.
// Returns the text of taken or "", or nil where the record is needed.
const registerScript = hashScript + `
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or redis.sha1hex(record) ~= ARGV[3] then
	if ARGV[4] == '' then return false end
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
end
local known, fields = {}, all(KEYS[3])
for i = 1, #fields, 2 do known[fields[i]] = true end
local closed = tonumber(ARGV[5])
for i = 6, 5 + closed do redis.call('HDEL', KEYS[3], ARGV[i]) end
for i = 6 + closed, #ARGV do
	if not known[ARGV[i]] then redis.call('HSET', KEYS[3], ARGV[i], '') end
end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
return all(KEYS[4])[2] or ''`

// blankScript notes of which types Redis has no trace: it knows no instance that could
// run an entry of theirs, and none waits.
//
// KEYS: notes, instances, and of each type the queue and the delayed set.
// ARGV: number of the last run, and of each type the field.
const blankScript = `
if redis.call('EXISTS', KEYS[2]) == 1 then return end
for i = 2, #ARGV do
	if redis.call('EXISTS', KEYS[2 * i - 1], KEYS[2 * i]) == 0 then redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
end`

// blankField is the field of the notes that blankScript sets.
func blankField(taskType string) string { return taskType + ":blank" }

func blank(k Keys, i Instance, last uint64) call {
	traces := []any{k.Notes(i.ID), k.Instances()}
	args := []any{strconv.FormatUint(last, 10)}
	for name := range i.Types {
		traces = append(traces, k.Queue(name), k.Delayed(name))
		args = append(args, blankField(name))
	}
	return call{"EVAL", slices.Concat([]any{blankScript, len(traces)}, traces, args)}
}

// Register puts an instance and this connection on record and renews its lease, as one
// step; lease is how long the instance counts as alive from now on (in whole ms). It
// comes before the first take: an entry in the run list of an unknown instance would
// be found by nobody.
//
// Where Redis knows no instance and nothing of a type waits, it has lost the entries
// of the runs of that type up to number last, and nobody else can have one. That is
// noted.
func (c *Conn) Register(k Keys, i Instance, lease time.Duration, last uint64) (Renewal, error) {
	return c.register(k, i, lease, last, nil, []int64{c.ref.id})
}

// Renew is Register for all connections of the client: those that were closed leave
// the record.
func (c *Conn) Renew(k Keys, i Instance, lease time.Duration, last uint64) (Renewal, error) {
	open, closed := c.client.open.list()
	r, err := c.register(k, i, lease, last, closed, open)
	if err == nil {
		c.client.open.forgot(closed)
	}
	return r, err
}

func (c *Conn) register(k Keys, i Instance, lease time.Duration, last uint64, closed, open []int64) (Renewal, error) {
	about, err := json.Marshal(i)
	if err == nil {
		// What others would not believe they would not recover.
		err = i.validate(len(about))
	}
	if err != nil {
		return Renewal{}, fmt.Errorf("describe instance %s: %w", i.ID, err)
	}
	sum := sha1.Sum(about) //nolint:gosec // see above
	record := ""
	for {
		args := []any{
			registerScript, 4, k.Instances(), k.Lease(i.ID), k.Connections(i.ID), k.Taken(i.ID),
			i.ID, lease.Milliseconds(), hex.EncodeToString(sum[:]), record, len(closed),
		}
		for _, id := range closed {
			args = append(args, id)
		}
		for _, id := range open {
			args = append(args, id)
		}
		calls := []call{{"EVAL", args}, {"INFO", []any{"server"}}}
		if record != "" {
			calls = slices.Insert(calls, 0, blank(k, i, last)) // before the record is there
		}
		results, err := c.transaction(calls...)
		if err != nil {
			return Renewal{}, fmt.Errorf("put instance %s on record: %w", i.ID, err)
		}
		results = results[len(results)-2:]
		if results[0] == nil && record == "" {
			record = string(about)
			continue
		}
		taken, err := redis.String(results[0], nil)
		if err != nil {
			return Renewal{}, fmt.Errorf("put instance %s on record: %w", i.ID, err)
		}
		info, err := redis.String(results[1], nil)
		if err != nil {
			return Renewal{}, fmt.Errorf("INFO: %w", err)
		}
		return Renewal{Server: parseInfo(info)["run_id"], Taken: taken}, nil
	}
}

// Forget removes an instance. Its run lists must be empty.
func (c *Conn) Forget(k Keys, id string) error {
	_, err := c.transaction(
		call{"HDEL", []any{k.Instances(), id}},
		call{"DEL", []any{k.Lease(id), k.Connections(id), k.Notes(id), k.Taken(id)}},
	)
	if err != nil {
		return err
	}
	// The watch may have had no connection in the end, so that nobody has left the
	// duty. If the server refuses it here, the others find out by themselves.
	if _, err := c.do("SREM", k.Duty(), id); err != nil && !Refused(err) {
		return fmt.Errorf("leave the duty: %w", err)
	}
	return nil
}

// transaction carries out calls as one step (MULTI, EXEC), and returns their answers.
func (c *Conn) transaction(calls ...call) ([]any, error) {
	all := append([]call{{name: "MULTI"}}, calls...)
	replies, err := c.pipeline(append(all, call{name: "EXEC"}))
	if err != nil {
		return nil, err
	}
	results, err := redis.Values(replies[len(replies)-1], nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", calls[0].name, typed(firstError(replies, err)))
	}
	if err := firstError(results, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", calls[0].name, typed(err))
	}
	if len(results) != len(calls) {
		return nil, fmt.Errorf("EXEC: %w", ErrProtocol)
	}
	return results, nil
}

// firstError is the first reply that is an error: with EXECABORT it is the one
// that says why.
func firstError(replies []any, otherwise error) error {
	for _, r := range replies {
		if err, ok := r.(redis.Error); ok {
			return err
		}
	}
	return otherwise
}

// livesScript looks whether an instance may live. The scripts that move its entries
// look again, in the same step.
//
// KEYS: lease, suspect. ARGV: "1" if it is certain that its process is dead.
const livesScript = `
if ARGV[1] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
return redis.call('EXISTS', KEYS[2])`

// Lives reports whether an instance may live: it has renewed its lease in time, unless
// it is certain that its process is dead, or [Conn.FenceInstance] has closed
// connections of it a short time ago, whoever called that.
func (c *Conn) Lives(k Keys, id string, certain bool) (bool, error) {
	lives, err := redis.Bool(c.do("EVAL", livesScript, 2, k.Lease(id), k.Suspect(id), flag(certain)))
	if err != nil {
		return false, fmt.Errorf("look whether instance %s lives: %w", id, err)
	}
	return lives, nil
}

// ServerRun returns what [Renewal] calls Server.
func (c *Conn) ServerRun() (string, error) {
	text, err := redis.String(c.do("INFO", "server"))
	return parseInfo(text)["run_id"], err
}
