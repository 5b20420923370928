package entry

import (
	"encoding/json"
	"math"
)

// noteProperty is the property in which Gordon keeps the [Past] of an entry.
const noteProperty = "gordon"

// Past is Gordon's note on an entry that ran before, or waits for its time.
type Past struct {
	// Attempts is how often the entry ran to an end.
	Attempts int `json:"attempts"`
	// TaskID is the run that delayed the entry. It makes the entry differ from every
	// other one, as the members of a sorted set must.
	TaskID string `json:"task_id"`
	// Crashes is how often a daemon has died while it ran the entry, and CrashedSince
	// the time of the first one, in Unix seconds.
	Crashes      int   `json:"crashes"`
	CrashedSince int64 `json:"crashed_since"`
}

func (p *Past) decode(raw []byte, value span) error {
	*p = Past{}
	if json.Unmarshal(value.of(raw), p) != nil || !isCount(p.Attempts) || !isCount(p.Crashes) {
		return unexpected(noteProperty, raw, value, "is reserved for gordon: remove it")
	}
	return nil
}

func isCount(n int) bool { return n >= 0 && n < math.MaxInt32 }

// maxOrder is the length of the longest name in [Orders].
const maxOrder = len("deadline")

// Later returns the form in which an entry waits for its time: with its past, without
// run_at and delay, which will have been obeyed then, and without what a failed record has
// added. It returns nil if the result could be longer than limit bytes, and for an
// unreadable entry.
func Later(limit int, raw []byte, p Past) []byte {
	return withPast(limit, raw, p, func(key []byte, isRecord bool) bool {
		return equalFold(key, runAt) || equalFold(key, delay) || isRecord && isFailureProperty(key)
	})
}
