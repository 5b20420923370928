package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Retry says whether a task that failed runs again, and when.
type Retry struct {
	MaxAttempts int           // how often an entry may run in all; 1 = no retry
	Delay       time.Duration // before the second attempt
	DelayMax    time.Duration // the longest, Delay or more
	Factor      float64       // each further delay is longer by it; 1 or more
	Jitter      float64       // how much of a delay is up to chance, 0 to 1
	On          Failures      // after which failures
}

// Failures is a set of ways in which a task can fail. It is comparable with ==.
type Failures struct {
	exits  [4]uint64 // a bit per exit status
	others uint8     // a bit per name of otherFailures
}

// otherFailures are the ways to fail besides an exit status.
var otherFailures = [...]string{"signal", "timeout", "output", "out of memory", "not started"}

// Equal reports whether both hold the same failures.
func (f Failures) Equal(g Failures) bool { return f == g }

// Exit tells whether a failure with this exit status, 1 to 255, is in the set.
func (f Failures) Exit(status int) bool {
	return status >= 0 && status < 256 && f.exits[status/64]&(1<<(status%64)) != 0
}

// Other tells whether a failure of this name ("signal", "timeout", "output", "out
// of memory" or "not started") is in the set.
func (f Failures) Other(name string) bool {
	for i, other := range otherFailures {
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

// meets tells whether two sets have a failure in common.
func (f Failures) meets(g Failures) bool { return f.without(g) != f }

func (f *Failures) addExits(lowest, highest int) {
	for s := lowest; s <= highest; s++ {
		f.exits[s/64] |= 1 << (s % 64)
	}
}

// everyFailure is the default of retry_on.
func everyFailure() (f Failures) {
	f.addExits(1, 255)
	f.others = 1<<len(otherFailures) - 1
	return f
}

// hopeless is the default of no_retry_on: the exit statuses of sysexits.h(3head)
// that will be the same the next time.
func hopeless() (f Failures) {
	for _, status := range []int{64, 65, 77, 78} { // EX_USAGE, EX_DATAERR, EX_NOPERM, EX_CONFIG
		f.addExits(status, status)
	}
	return f
}

// ParseFailures returns the set of failures of these names, as retry_on has them.
func ParseFailures(names []string) (Failures, error) {
	var set Failures
	for _, name := range names {
		if !set.add(name) {
			return set, fmt.Errorf(`must hold "exit", "exit 75", "exit 64-78", "%s", not %s`, strings.Join(otherFailures[:], `", "`), shown(name))
		}
	}
	return set, nil
}

// failures allows an array of failures, such as ["exit 75", "timeout"].
func failures(raw any) (Failures, string) {
	const form = `must be an array of failures, such as ["exit 75", "timeout"]`
	list, ok := raw.([]any)
	if !ok {
		return Failures{}, form + ", not " + describe(raw)
	}
	names := make([]string, len(list))
	for i, el := range list {
		if names[i], ok = el.(string); !ok {
			return Failures{}, form + ", not of " + describe(el)
		}
	}
	set, err := ParseFailures(names)
	if err != nil {
		return set, err.Error()
	}
	return set, ""
}

// add reports whether there is such a failure.
func (f *Failures) add(s string) bool {
	for i, other := range otherFailures {
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

// fraction allows a number from 0 to 1.
func fraction(raw any) (float64, string) {
	const form = "must be a number from 0 to 1, such as 0.2"
	n, wrong := ratio(raw)
	switch {
	case wrong != "":
		if _, ok := raw.(float64); ok {
			return 0, form
		}
		return 0, form + ", not " + describe(raw)
	case n < 0 || n > 1:
		return 0, fmt.Sprintf("%s, not %v", form, n)
	}
	return n, ""
}

// factor allows a number of 1 or more.
func factor(raw any) (float64, string) {
	n, wrong := ratio(raw)
	if wrong == "" && n < 1 {
		wrong = fmt.Sprintf("must be a number of 1 or more, such as 2.0, not %v", n)
	}
	return n, wrong
}

// retrySettings are the keys about retries, as the files have them.
type retrySettings struct {
	maxAttempts     value[int64]
	delay, delayMax value[time.Duration]
	factor, jitter  value[float64]
	on, notOn       value[Failures]
}

// maxMaxAttempts is far beyond patience; it catches a slip of the hand.
const maxMaxAttempts = 1_000_000

func retryKeys[S any](in func(*S) *retrySettings) []key[S] {
	return []key[S]{
		leaf("max_attempts", within(1, maxMaxAttempts), func(s *S) *value[int64] { return &in(s).maxAttempts }),
		leaf("retry_delay", span("10s"), func(s *S) *value[time.Duration] { return &in(s).delay }),
		leaf("retry_delay_max", span("1h"), func(s *S) *value[time.Duration] { return &in(s).delayMax }),
		leaf("retry_factor", factor, func(s *S) *value[float64] { return &in(s).factor }),
		leaf("retry_jitter", fraction, func(s *S) *value[float64] { return &in(s).jitter }),
		leaf("retry_on", failures, func(s *S) *value[Failures] { return &in(s).on }),
		leaf("no_retry_on", failures, func(s *S) *value[Failures] { return &in(s).notOn }),
	}
}

// or returns the settings with those of the top where there are none.
func (r retrySettings) or(top retrySettings) retrySettings {
	return retrySettings{
		maxAttempts: inherit(r.maxAttempts, top.maxAttempts),
		delay:       inherit(r.delay, top.delay), delayMax: inherit(r.delayMax, top.delayMax),
		factor: inherit(r.factor, top.factor), jitter: inherit(r.jitter, top.jitter),
		on: inherit(r.on, top.on), notOn: inherit(r.notOn, top.notOn),
	}
}

func inherit[T any](own, top value[T]) value[T] {
	if own.set {
		return own
	}
	return top
}

// resolve applies the defaults. What no_retry_on is without being written gives way
// to retry_on.
func (r retrySettings) resolve() Retry {
	notOn := r.notOn.v
	if !r.notOn.set && !r.on.set {
		notOn = hopeless()
	}
	delay := r.delay.or(defaultRetryDelay)
	return Retry{
		MaxAttempts: int(r.maxAttempts.or(defaultMaxAttempts)),
		Delay:       delay,
		DelayMax:    r.delayMax.or(max(delay, defaultRetryDelayMax)),
		Factor:      r.factor.or(defaultRetryFactor),
		Jitter:      r.jitter.or(defaultRetryJitter),
		On:          r.on.or(everyFailure()).without(notOn),
	}
}

// validateRetry checks the keys against each other; r holds what is inherited.
func (d *decoder) validateRetry(r retrySettings) {
	if r.delay.good() && r.delayMax.good() && r.delay.v > r.delayMax.v {
		d.fault(r.delay.at, "must not be longer than retry_delay_max, which is %v", r.delayMax.v)
	}
	if r.on.good() && r.notOn.good() && r.on.v.meets(r.notOn.v) {
		d.fault(r.notOn.at, "names a failure that stands in retry_on too")
	}
}
