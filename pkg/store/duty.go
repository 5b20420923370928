package store

import (
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// dutyHosts is the number of hosts that are on duty for the entries for later: one moves
// them, the others stand in for it.
const dutyHosts = 3

// dutyScript returns whether an instance is on duty. It puts the instance on duty if
// fewer than two instances are, or if too few hosts are and none of them is its own.
// Redis knows whether an instance is there: it is subscribed to its channel. An instance
// that is not there is removed. So the members need no lease, nobody renews anything, and
// the key changes only when an instance comes or goes.
//
// The last read comes after the last change, so that Redis tracks the key.
//
// KEYS:
//  1. the duty
//
// ARGV:
//  1. the instance
//  2. the beginning of the names of the channels
//  3. the maximum number of hosts
//
// It returns how many of the instances on duty come before this one, or -1 if it is not
// on duty.
const dutyScript = `
local self, channel, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local function host(id) return string.match(id, '^(.*)%-') or id end
local there, hosts, before, on, represented, changed = 0, 0, 0, false, {}, false
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
	if id ~= self and redis.call('PUBSUB', 'NUMSUB', channel .. id)[2] == 0 then
		redis.call('SREM', KEYS[1], id)
		changed = true
	else
		there = there + 1
		on = on or id == self
		if id < self then before = before + 1 end
		if not represented[host(id)] then hosts = hosts + 1 end
		represented[host(id)] = true
	end
end
if not on and (there < 2 or hosts < most and not represented[host(self)]) then
	redis.call('SADD', KEYS[1], self)
	on, changed = true, true
end
if changed then redis.call('SMEMBERS', KEYS[1]) end
return on and before or -1`

// Duty reports whether this instance is on duty for the entries for later of all
// instances, and puts it on duty if too few are. rank is the number of instances on duty
// that come before this one. Redis reports the next change.
func (w *Watch) Duty() (rank int, on bool, err error) {
	if w.hidden != nil {
		return 0, false, w.hidden
	}
	rank, err = redis.Int(w.reader.conn.Do("EVAL", dutyScript, 1, w.keys.Duty(), w.instance(), w.keys.Own(""), dutyHosts))
	if err = w.done(err); err != nil {
		return 0, false, fmt.Errorf("read the instances on duty: %w", err)
	}
	return max(rank, 0), rank >= 0, nil
}
