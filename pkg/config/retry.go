package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// Retry describes whether and when an entry runs again after a failure.
type Retry struct {
	MaxAttempts int           // number of runs; 1 = no retry
	Delay       time.Duration // before the second attempt
	DelayMax    time.Duration // maximum, Delay or more
	Factor      float64       // of each further delay; 1 or more
	Jitter      float64       // random part of a delay, 0 to 1
	On          Failures      // the failures after which an entry runs again
}

// Failures is a set of ways in which a task can fail. It is comparable with ==.
type Failures struct {
	exits  [4]uint64 // a bit per exit status
	others uint8     // a bit per name of otherFailures, in their order
}

// otherFailures are the ways to fail besides an exit status.
func otherFailures() []string {
	return []string{"signal", "timeout", "output", "out of memory", "not started"}
}

// Equal reports whether both sets contain the same failures.
func (f Failures) Equal(g Failures) bool { return f == g }

// Exit reports whether the set contains this exit status, 1 to 255.
func (f Failures) Exit(status int) bool {
	return status >= 0 && status < 256 && f.exits[status/64]&(1<<(status%64)) != 0
}

// Other reports whether the set contains the failure of this name: "signal",
// "timeout", "output", "out of memory" or "not started".
func (f Failures) Other(name string) bool {
	for i, other := range otherFailures() {
		if name == other {
			return f.others&(1<<i) != 0
		}
	}
	return false
}

func (f Failures) without(g Failures) Failures {
	for i := range f.exits {
		f.exits[i] &^= g.exits[i]
	}
	f.others &^= g.others
	return f
}

// intersects reports whether two sets have a failure in common.
func (f Failures) intersects(g Failures) bool { return f.without(g) != f }

func (f *Failures) addExits(lowest, highest int) {
	for s := lowest; s <= highest; s++ {
		f.exits[s/64] |= 1 << (s % 64)
	}
}

// everyFailure is the default of retry_on.
func everyFailure() (f Failures) {
	f.addExits(1, 255)
	f.others = 1<<len(otherFailures()) - 1
	return f
}

// permanent is the default of no_retry_on: the exit statuses of sysexits.h(3head)
// for errors that do not go away by themselves.
func permanent() (f Failures) {
	for _, status := range []int{64, 65, 77, 78} { // EX_USAGE, EX_DATAERR, EX_NOPERM, EX_CONFIG
		f.addExits(status, status)
	}
	return f
}

// ParseFailures returns the set of the failures with these names, as in retry_on.
func ParseFailures(names []string) (Failures, error) {
	var set Failures
	for _, name := range names {
		if !set.add(name) {
			return set, fmt.Errorf(`must hold "exit", "exit 75", "exit 64-78", "%s", not %s`, strings.Join(otherFailures(), `", "`), tomlfile.Quote(name))
		}
	}
	return set, nil
}

// failures allows an array of failures, such as ["exit 75", "timeout"].
func failures(raw any) (Failures, error) {
	const form = `must be an array of failures, such as ["exit 75", "timeout"]`
	list, ok := raw.([]any)
	if !ok {
		return Failures{}, wrongType(form, raw)
	}
	names := make([]string, len(list))
	for i, el := range list {
		if names[i], ok = el.(string); !ok {
			return Failures{}, fmt.Errorf("%s, not of %s", form, tomlfile.Describe(el))
		}
	}
	return ParseFailures(names)
}

// add adds a failure by its name, and reports whether there is one of this name.
func (f *Failures) add(s string) bool {
	for i, other := range otherFailures() {
		if s == other {
			f.others |= 1 << i
			return true
		}
	}
	statuses, ok := strings.CutPrefix(s, "exit")
	if !ok {
		return false
	}
	if statuses == "" {
		f.addExits(1, 255)
		return true
	}
	from, to, isRange := strings.Cut(statuses, "-")
	from, spaced := strings.CutPrefix(from, " ")
	if !isRange {
		to = from
	}
	lowest, errLowest := strconv.Atoi(from)
	highest, errHighest := strconv.Atoi(to)
	if !spaced || errLowest != nil || errHighest != nil || lowest < 1 || lowest > highest || highest > 255 {
		return false
	}
	f.addExits(lowest, highest)
	return true
}

// validateRetry compares the retry keys. It checks inherited values again only if the
// task itself sets one of the two keys.
func (d *decoder) validateRetry(t *draft) {
	s := t.scope
	if s.has("retry_delay", "retry_delay_max") && s.valid("retry_delay", "retry_delay_max") && t.Retry.Delay > t.Retry.DelayMax {
		d.fault(s.at("retry_delay"), "must not be longer than retry_delay_max, which is %v", t.Retry.DelayMax)
	}
	if s.has("retry_on", "no_retry_on") && s.valid("retry_on", "no_retry_on") && t.Retry.On.intersects(t.noRetryOn) {
		d.fault(s.at("no_retry_on"), "names a failure that stands in retry_on too")
	}
}
