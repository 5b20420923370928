package task

import (
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/failures"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// onAny is the default of retry_on.
var onAny = func() failures.Set {
	f, err := failures.Parse([]string{"exit", "signal", "timeout", "output", "out of memory", "not started"})
	if err != nil {
		panic(err)
	}
	return f
}()

func TestRetryPause(t *testing.T) {
	retry := config.Retry{Delay: 10 * time.Second, DelayMax: time.Minute, Factor: 2}
	for attempt, want := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 4: time.Minute, 5000: time.Minute} {
		if got := retryPause(retry, attempt, 0.7); got != want {
			t.Errorf("after attempt %d: %v, want %v", attempt, got, want)
		}
	}
	retry.Jitter = 0.5
	for chance, want := range map[float64]time.Duration{0: 5 * time.Second, 0.5: 10 * time.Second, 0.75: 12500 * time.Millisecond} {
		if got := retryPause(retry, 1, chance); got != want {
			t.Errorf("chance %v: %v, want %v", chance, got, want)
		}
	}
	if got := retryPause(retry, 5, 0.999); got != time.Minute {
		t.Errorf("longer than the longest: %v", got)
	}
}

func TestRetriedNamesEveryOutcome(t *testing.T) {
	exited := runner.Outcome{Kind: runner.Exited, ExitStatus: 1}
	for outcome, want := range map[entry.Outcome]bool{
		entry.OutcomeFailed: true, entry.OutcomeSignal: true, entry.OutcomeOutput: true, entry.OutcomeNotStarted: true, entry.OutcomeTimedOut: true, entry.OutcomeOutOfMemory: true,
		entry.OutcomeUnreadable: false, entry.OutcomeStopped: false, entry.OutcomeCancelled: false, entry.OutcomeExpired: false,
	} {
		if got := retries(onAny, &Verdict{Outcome: outcome, Exit: exited}); got != want {
			t.Errorf("%s: %v", outcome, got)
		}
	}
}

func TestBackoffGrowsAndIsReset(t *testing.T) {
	c := config.Backoff{Enabled: true, Min: 100 * time.Millisecond, Max: 350 * time.Millisecond, Factor: 2}
	var b Backoff
	for i, want := range []time.Duration{c.Min, 2 * c.Min, c.Max, c.Max} {
		if got := b.Failed(c); got != want {
			t.Errorf("failure %d rests %v", i+1, got)
		}
	}
	b.Succeeded()
	if got := b.Failed(c); got != c.Min {
		t.Errorf("after a success: %v", got)
	}
	huge := config.Backoff{Enabled: true, Min: time.Hour, Max: 1 << 62, Factor: 1e300}
	b = Backoff{}
	b.Failed(huge)
	if got := b.Failed(huge); got <= 0 || got > huge.Max {
		t.Errorf("a large factor overflows: %v", got)
	}
	if got := b.Failed(config.Backoff{Min: time.Hour}); got != 0 {
		t.Errorf("rests %v though it is off", got)
	}
}
