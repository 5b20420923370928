package store

import (
	"fmt"
	"math"
	"time"
)

// NeverRan is how long a failed list is kept at least for an entry that did not run
// to its end: it has to be somewhere.
const NeverRan = 72 * time.Hour

// Keep bounds a failed list from one push on.
type Keep struct {
	// TTL is how long the list is kept, in whole seconds, rounded up.
	TTL time.Duration
	// Records and Bytes are how many records it holds, and how much memory of Redis
	// it takes, at most; 0 is no bound. The oldest go first.
	Records int
	Bytes   int64
}

// arg is the argument of keepScript.
func (k Keep) arg() string {
	return fmt.Sprintf("%d %d %d", int64(math.Ceil(k.TTL.Seconds())), k.Records, k.Bytes)
}

// keepScript is the function keep(list, what [Keep.arg] returns) for the scripts that
// push to a failed list, after the push. It raises no error, after which the record
// would be pushed again: it returns how many records it dropped, or the error.
//
// Each push over the bound in bytes drops a 16th of the records, and two at least, so
// that the list shrinks also where the oldest are the smallest. MEMORY USAGE looks at
// 2048 nodes, of 8 KiB or one record each: that is all of 16 MiB, and takes less than
// 0.1 ms. The record that was just pushed stays.
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
