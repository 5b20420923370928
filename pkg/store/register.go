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

	"github.com/nevsnode/gordon/v2/pkg/redisconn"
)

// Renewal is the answer to the renewal of a lease.
type Renewal struct {
	// Server identifies the run of the server ("run_id" of INFO): it changes with a
	// restart and with a failover.
	Server string
	// Takeover changes each time that another instance has moved an entry of this one. It
	// is "" if none has within [TakeoverKept].
	Takeover string
}

// hashScript begins a script that uses hashes of its own. It defines all(key), which
// returns the fields of a hash.
//
// Anybody may have put a key of another type in the place of one. It is removed: without
// its lease or the mark of a takeover, an instance could not be told from a dead one.
const hashScript = `
local function all(key)
	local fields = redis.pcall('HGETALL', key)
	if not fields.err then return fields end
	if string.find(fields.err, 'WRONGTYPE', 1, true) then redis.call('DEL', key) end
	return redis.call('HGETALL', key)
end
`

// registerScript renews a lease. It writes the record only if that has changed, so that
// renewals add little to an append-only file.
//
// KEYS:
//  1. the instances
//  2. the lease
//  3. the connections
//  4. the mark of a takeover
//
// ARGV:
//  1. the instance
//  2. the duration of the lease, in ms
//  3. the SHA-1 of the record
//  4. the record, or "" to send it only if it is needed
//  5. the number n of connections that were closed
//  6. to 5+n: the ids of the connections that were closed
//  7. from 6+n on: the ids of the open connections
//
// It returns the text of the mark or "", or nil if the record is needed.
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

// blankScript notes the types of which Redis has no trace: no instance is on record that
// could run an entry of theirs, and no entry waits.
//
// KEYS:
//  1. the notes
//  2. the instances
//  3. for each type, the queue and the delayed set
//
// ARGV:
//  1. the number of the last run
//  2. for each type, the field of the notes
//
// It returns nothing.
const blankScript = `
if redis.call('EXISTS', KEYS[2]) == 1 then return end
for i = 2, #ARGV do
	if redis.call('EXISTS', KEYS[2 * i - 1], KEYS[2 * i]) == 0 then redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
end`

// blankField is the field of the notes that blankScript sets.
func blankField(taskType string) string { return taskType + ":blank" }

func blankCall(k Keys, i Instance, lastRun uint64) redisconn.Call {
	traces := []any{k.Notes(i.ID), k.Instances()}
	args := []any{strconv.FormatUint(lastRun, 10)}
	for name := range i.Types {
		traces = append(traces, k.Queue(name), k.Delayed(name))
		args = append(args, blankField(name))
	}
	return call("EVAL", slices.Concat([]any{blankScript, len(traces)}, traces, args)...)
}

// Register puts an instance and this connection on record and renews its lease, as one
// step. The instance counts as alive for the duration of the lease from now on (in whole
// ms). Register comes before the first take: nobody would find an entry in the run list
// of an unknown instance.
//
// If Redis knows no instance and nothing of a type waits, it has lost the entries of the
// runs of that type up to lastRun, and nobody else can have one. Register notes that.
func (c *Conn) Register(k Keys, i Instance, lease time.Duration, lastRun uint64) (Renewal, error) {
	return c.register(k, i, lease, lastRun, nil, []int64{c.conn.ID()})
}

// Renew is Register for all connections of the client. Those that were closed are removed
// from the record.
func (c *Conn) Renew(k Keys, i Instance, lease time.Duration, lastRun uint64) (Renewal, error) {
	open, closed := c.conn.Client().Connections()
	r, err := c.register(k, i, lease, lastRun, closed, open)
	if err == nil {
		c.conn.Client().Forget(closed)
	}
	return r, err
}

func (c *Conn) register(k Keys, i Instance, lease time.Duration, lastRun uint64, closed, open []int64) (Renewal, error) {
	record, err := json.Marshal(i)
	if err == nil {
		// Other instances do not recover the entries of an invalid record.
		err = i.validate(len(record))
	}
	if err != nil {
		return Renewal{}, fmt.Errorf("encode the record of instance %s: %w", i.ID, err)
	}
	renew := func(sent string) redisconn.Call {
		sum := sha1.Sum(record) //nolint:gosec // see above
		args := []any{
			registerScript, 4, k.Instances(), k.Lease(i.ID), k.Connections(i.ID), k.Takeover(i.ID),
			i.ID, lease.Milliseconds(), hex.EncodeToString(sum[:]), sent, len(closed),
		}
		for _, id := range slices.Concat(closed, open) {
			args = append(args, id)
		}
		return call("EVAL", args...)
	}
	results, err := c.conn.Transaction(renew(""), call("INFO", "server"))
	if err == nil && results[0] == nil {
		// blankScript comes before the record is there.
		results, err = c.conn.Transaction(blankCall(k, i, lastRun), renew(string(record)), call("INFO", "server"))
	}
	if err != nil {
		return Renewal{}, fmt.Errorf("register instance %s: %w", i.ID, err)
	}
	r, err := parseRenewal(results[len(results)-2:])
	if err != nil {
		return Renewal{}, fmt.Errorf("register instance %s: %w", i.ID, err)
	}
	return r, nil
}

// parseRenewal parses the answers of registerScript and INFO.
func parseRenewal(results []any) (Renewal, error) {
	takeover, err := redis.String(results[0], nil)
	if err != nil {
		return Renewal{}, err
	}
	info, err := redis.String(results[1], nil)
	if err != nil {
		return Renewal{}, fmt.Errorf("INFO: %w", err)
	}
	return Renewal{Server: parseInfo(info)["run_id"], Takeover: takeover}, nil
}

// Deregister removes an instance from the record, and from those on duty. Its run lists
// must be empty.
func (c *Conn) Deregister(k Keys, instance string) error {
	_, err := c.conn.Transaction(
		call("HDEL", k.Instances(), instance),
		call("DEL", k.Lease(instance), k.Connections(instance), k.Notes(instance), k.Takeover(instance)),
	)
	if err != nil {
		return err
	}
	// Another instance takes its place at once. If the server refuses this, the others find
	// out by themselves, but later.
	if _, err := c.conn.Do("SREM", k.Duty(), instance); err != nil && !Refused(err) {
		return fmt.Errorf("give up the duty: %w", err)
	}
	return nil
}
