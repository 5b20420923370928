package store

import (
	"fmt"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// Instance is the record of a daemon in the hash [Keys.Instances]. It is enough for
// another daemon to decide whether this one lives, and to find every run list in which
// it may have left an entry.
type Instance struct {
	ID string `json:"-"`
	// Identity is the process. Its Hostname is for people.
	host.Identity
	Version string `json:"version"`
	// Types are the types that it has served since it started, by name.
	Types map[string]InstanceType `json:"types"`
}

// InstanceType is what other instances have to know about a type to recover its entries.
type InstanceType struct {
	// Lists is the number of run lists: [Keys.Run] 0 to n-1.
	Lists int `json:"slots"`
	// FailOnCrash is set if an entry must not run again when its daemon died.
	FailOnCrash bool `json:"fail_on_crash,omitempty"`
	// FailedTTL is how long the failed list is kept, in s; 0 for the default.
	FailedTTL int64 `json:"failed_ttl,omitempty"`
}

// instancesScript reads the hash of instances, and leaves in Redis the records that are
// too large: those who may write there must not decide how much memory Gordon needs.
// Each record counts 256 bytes more than it has, because it costs more.
//
// KEYS:
//  1. the instances
//
// ARGV:
//  1. the maximum size of one record with its id, in bytes
//  2. the maximum size of all records together, in bytes
//  3. how many of the records that are too large are named
//
// It returns {{id, record, …}, {beginning of the id of one that is too large, …}}.
const instancesScript = `
local all = redis.call('HGETALL', KEYS[1])
local one, rest = tonumber(ARGV[1]), tonumber(ARGV[2])
local fit, left = {}, {}
for i = 1, #all, 2 do
	local n = #all[i] + #all[i + 1] + 256
	if n <= one and n <= rest then
		rest = rest - n
		fit[#fit + 1] = all[i]
		fit[#fit + 1] = all[i + 1]
	elseif #left < tonumber(ARGV[3]) then
		left[#left + 1] = string.sub(all[i], 1, 100)
	end
end
return {fit, left}`

// Instances returns every instance on record, in no order. For a record that is invalid
// it returns an error beside them: such a record is not ours to remove.
func (c *Conn) Instances(k Keys) ([]Instance, []error, error) {
	reply, err := redis.Values(c.conn.Do("EVAL", instancesScript, 1, k.Instances(), maxRecord, maxRecords, maxInvalid))
	if err != nil {
		return nil, nil, err
	}
	return parseInstances(k, reply)
}

// parseInstances parses the answer of instancesScript.
func parseInstances(k Keys, reply []any) (instances []Instance, invalid []error, err error) {
	if len(reply) != 2 {
		return nil, nil, fmt.Errorf("the script that reads %s answered %d values instead of 2", k.Instances(), len(reply))
	}
	all, err := redis.Strings(reply[0], nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", k.Instances(), err)
	}
	tooLarge, err := redis.Strings(reply[1], nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", k.Instances(), err)
	}
	for len(all) > 1 {
		i, err := parseInstance(all[0], []byte(all[1]))
		switch {
		case err == nil:
			instances = append(instances, i)
		case len(invalid) < maxInvalid:
			invalid = append(invalid, fmt.Errorf("record of instance %.100q in %s: %w", all[0], k.Instances(), err))
		}
		all = all[2:]
	}
	for _, id := range tooLarge {
		invalid = append(invalid, fmt.Errorf("record of instance %.100q in %s: %w: too large", id, k.Instances(), ErrInvalidRecord))
	}
	return instances, invalid, nil
}
