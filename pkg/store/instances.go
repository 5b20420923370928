package store

import (
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// Instance is what a daemon says of itself in the hash [Keys.Instances]: enough
// for another one to decide whether it lives, and to find every run list that
// it may have left entries in.
type Instance struct {
	ID string `json:"-"`
	// Host names the machine for people; the next five identify the process.
	Host         string `json:"host"`
	MachineID    string `json:"machine_id"`
	BootID       string `json:"boot_id"`
	PIDNamespace string `json:"pid_ns"`
	PID          int    `json:"pid"`
	// StartTime is in clock ticks since boot (proc(5), field 22 of stat).
	StartTime uint64 `json:"start_time"`
	Version   string `json:"version"`
	// Types are those that it has run since it started, by name.
	Types map[string]InstanceType `json:"types"`
}

// InstanceType is what others have to know of a type that an instance runs in
// order to recover its entries.
type InstanceType struct {
	// Lists is the number of run lists: [Keys.Run] 0 to n-1.
	Lists int `json:"slots"`
	// FailOnCrash says that an entry whose daemon died must not run again.
	FailOnCrash bool `json:"fail_on_crash,omitempty"`
	// FailedTTL is how long the failed list is kept, in s; 0 for the default.
	FailedTTL int64 `json:"failed_ttl,omitempty"`
}

// instancesScript reads the hash of instances, and leaves in Redis what is too
// large: whoever may write there must not decide how much memory gordon needs.
// Each record counts 256 bytes more than it has, as it costs more.
//
// KEYS: instances. ARGV: bytes of one record with its id, bytes of all, how many
// of those left to name.
// Returns {{id, record, …}, {beginning of the id of one that was left, …}}.
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

// Instances returns every instance on record, in no order. Records that cannot
// be read or believed are returned as errors beside it: they are not ours to
// remove.
func (c *Conn) Instances(k Keys) ([]Instance, []error, error) {
	reply, err := redis.Values(c.do("EVAL", instancesScript, 1, k.Instances(), maxRecord, maxRecords, maxUnreadable))
	if err != nil {
		return nil, nil, err
	}
	return readInstances(k, reply)
}

// readInstances reads the answer of instancesScript.
func readInstances(k Keys, reply []any) (instances []Instance, unreadable []error, err error) {
	if len(reply) != 2 {
		return nil, nil, fmt.Errorf("the script that reads %s answered %d values instead of 2", k.Instances(), len(reply))
	}
	all, err := redis.Strings(reply[0], nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", k.Instances(), err)
	}
	left, err := redis.Strings(reply[1], nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", k.Instances(), err)
	}
	for len(all) > 1 {
		i, err := readInstance(all[0], []byte(all[1]))
		switch {
		case err == nil:
			instances = append(instances, i)
		case len(unreadable) < maxUnreadable:
			unreadable = append(unreadable, fmt.Errorf("record of instance %.100q in %s: %w", all[0], k.Instances(), err))
		}
		all = all[2:]
	}
	for _, id := range left {
		unreadable = append(unreadable, fmt.Errorf("record of instance %.100q in %s: %w: it is too large", id, k.Instances(), ErrInvalidRecord))
	}
	return instances, unreadable, nil
}
