package store

import (
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// dutyHosts is how many hosts are on duty for the entries for later: one moves them,
// the others cover for it.
const dutyHosts = 3

// dutyScript finds out whether an instance is on duty, and puts it on duty where too
// few are: fewer than two instances, or too few hosts, none of them its own. Redis
// knows whether an instance is there: it is subscribed to its channel. One that is
// not is taken off. So the members need no lease, nobody renews anything, and the
// key changes only when somebody comes or goes.
//
// The last read comes after the last change, so Redis tracks the key.
//
// KEYS: duty. ARGV: instance, what its channel begins with, most hosts. Returns how
// many of those on duty come before the instance, or -1 when it is not on duty.
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

// Duty finds out whether this instance is on duty for the entries for later of all
// instances, and puts it on duty where too few are. rank is how many of the others
// on duty come first; an instance that is not on duty has none, and on is false.
// Redis tells of the next change.
func (w *Watch) Duty() (rank int, on bool, err error) {
	if w.unseen != nil {
		return 0, false, w.unseen
	}
	rank, err = redis.Int(w.reader.do("EVAL", dutyScript, 1, w.keys.Duty(), w.instance(), w.keys.Own(""), dutyHosts))
	if err = w.after(err); err != nil {
		return 0, false, fmt.Errorf("ask who is on duty: %w", err)
	}
	return max(rank, 0), rank >= 0, nil
}

// LeaveDuty has another instance be put on duty at once, if this one is.
func (w *Watch) LeaveDuty() error {
	_, err := w.reader.do("SREM", w.keys.Duty(), w.instance())
	return w.after(err)
}

func (w *Watch) instance() string { return w.reader.client.opts.Instance }
