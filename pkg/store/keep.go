package store

import (
	"fmt"
	"math"
	"time"
)

// NeverRan is how long a failed list is kept at least for an entry that did not run to
// its end: it has to be somewhere.
const NeverRan = 72 * time.Hour

// Keep limits a failed list from one push on.
type Keep struct {
	// TTL is how long the list is kept, in whole seconds, rounded up.
	TTL time.Duration
	// Records is the maximum number of records, and Bytes the maximum memory of Redis
	// that the list takes; 0 is no limit. The oldest records are dropped first.
	Records int
	Bytes   int64
}

// arg is the argument of keepScript: TTL in s, records and bytes, separated by spaces.
func (k Keep) arg() string {
	return fmt.Sprintf("%d %d %d", int64(math.Ceil(k.TTL.Seconds())), k.Records, k.Bytes)
}

// keepScript begins a script that pushes to a failed list. It defines keep(list, limits)
// for the time after the push; limits is the text of [Keep.arg]. keep raises no error,
// after which the record would be pushed again: it returns the number of records that it
// dropped, or the error.
//
// Each push beyond the limit in bytes drops a 16th of the records, and two at least, so
// that the list shrinks even if the oldest are the smallest. MEMORY USAGE looks at 2048
// nodes, of 8 KiB or one record each: that is all of 16 MiB, and takes less than 0.1 ms.
// The record that was just pushed stays.
//
// An earlier push may have promised more time than this one. It is not cut below
// [NeverRan]: the list may have an entry that did not run to its end.
const keepScript = `
local function keep(list, bounds)
	local ttl, records, bytes = string.match(bounds, '^(%d+) (%d+) (%d+)$')
	ttl, records, bytes = tonumber(ttl), tonumber(records), tonumber(bytes)
	local n, drop, refused = redis.pcall('LLEN', list), 0, false
	if type(n) == 'table' then n, refused = 0, n end
	if records > 0 then drop = n - records end
	if bytes > 0 and n > 1 then
		local used = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 2048)
		if type(used) == 'table' then refused = used
		elseif used > bytes then drop = math.max(drop, math.min(math.max(2, math.ceil(n / 16)), n - 1)) end
	end
	if drop > 0 then
		local trimmed = redis.pcall('LTRIM', list, drop, -1)
		if trimmed.err then drop, refused = 0, trimmed end
	end
	local rest = redis.pcall('TTL', list)
	if type(rest) == 'number' then ttl = math.max(ttl, math.min(rest, 72 * 3600))
	elseif not refused then refused = rest end
	local expiry = redis.pcall('EXPIRE', list, ttl)
	if type(expiry) == 'table' then refused = expiry end
	return refused or math.max(drop, 0)
end
`
