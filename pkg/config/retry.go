package config

import (
	"fmt"
	"time"

	"github.com/nevsnode/gordon/v2/internal/failures"
	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// Retry describes whether and when an entry runs again after a failure.
type Retry struct {
	MaxAttempts int           // number of runs; 1 = no retry
	Delay       time.Duration // before the second attempt
	DelayMax    time.Duration // maximum, Delay or more
	Factor      float64       // of each further delay; 1 or more
	Jitter      float64       // random part of a delay, 0 to 1
	On          failures.Set  // the failures after which an entry runs again
}

// failureSet allows an array of failures, such as ["exit 75", "timeout"].
func failureSet(raw any) (failures.Set, error) {
	const form = `must be an array of failures, such as ["exit 75", "timeout"]`
	list, ok := raw.([]any)
	if !ok {
		return failures.Set{}, wrongType(form, raw)
	}
	names := make([]string, len(list))
	for i, el := range list {
		if names[i], ok = el.(string); !ok {
			return failures.Set{}, fmt.Errorf("%s, not of %s", form, tomlfile.Describe(el))
		}
	}
	return failures.Parse(names)
}

// finishRetry sets the values that depend on several keys.
func (t *draft) finishRetry() {
	if !t.scope.set("retry_delay_max") {
		t.Retry.DelayMax = max(t.Retry.Delay, t.Retry.DelayMax)
	}
	if t.scope.set("retry_on") && !t.scope.set("no_retry_on") {
		t.noRetryOn = failures.Set{} // its default does not restrict a retry_on that is set
	}
	t.Retry.On = t.Retry.On.Without(t.noRetryOn)
}

// validateRetry compares the retry keys. It checks inherited values again only if the
// task itself sets one of the two keys.
func (d *decoder) validateRetry(t *draft) {
	s := t.scope
	if s.has("retry_delay", "retry_delay_max") && s.valid("retry_delay", "retry_delay_max") && t.Retry.Delay > t.Retry.DelayMax {
		d.fault(s.at("retry_delay"), "must not exceed retry_delay_max (%v)", t.Retry.DelayMax)
	}
	if s.has("retry_on", "no_retry_on") && s.valid("retry_on", "no_retry_on") && t.Retry.On.Intersects(t.noRetryOn) {
		d.fault(s.at("no_retry_on"), "contains a failure that is also in retry_on")
	}
}
