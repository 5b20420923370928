package config

import (
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/failures"
)

// noRetry is the result of a file without any of the keys.
func noRetry() Retry {
	return Retry{MaxAttempts: 1, Delay: 10 * time.Second, DelayMax: time.Hour, Factor: 2, Jitter: 0.1, On: failures.All().Without(failures.Permanent())}
}

func TestRetry_Defaults(t *testing.T) {
	got := load(t, task()).Tasks["mail"].Retry
	if want := noRetry(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	on := got.On
	for status, want := range map[int]bool{-1: false, 0: false, 1: true, 3: true, 64: false, 65: false, 66: true, 75: true, 77: false, 78: false, 255: true, 256: false} {
		if on.Exit(status) != want {
			t.Errorf("retry after exit %d: %v", status, on.Exit(status))
		}
	}
	for _, name := range failures.Others() {
		if !on.Other(name) {
			t.Errorf("no retry after %q", name)
		}
	}
	if on.Other("cancelled") {
		t.Error("retry after a failure that cannot be named")
	}
}

func TestRetry_IsInheritedKeyByKey(t *testing.T) {
	c := load(t, "max_attempts = 5\nretry_delay = \"2h\"\nretry_jitter = 0\n"+task()+"[tasks.own]\nscript = \"/s\"\nmax_attempts = 2\nretry_factor = 1\n")
	if got := c.Tasks["mail"].Retry; got.MaxAttempts != 5 || got.Delay != 2*time.Hour || got.DelayMax != 2*time.Hour || got.Jitter != 0 || got.Factor != 2 {
		t.Errorf("inherited: %+v", got)
	}
	if got := c.Tasks["own"].Retry; got.MaxAttempts != 2 || got.Delay != 2*time.Hour || got.Jitter != 0 || got.Factor != 1 {
		t.Errorf("of its own: %+v", got)
	}
}

func TestRetry_On(t *testing.T) {
	for _, tc := range []struct {
		text                            string
		exit1, exit65, exit75, timeouts bool
	}{
		{`retry_on = []`, false, false, false, false},
		{`retry_on = ["exit 75", "timeout"]`, false, false, true, true},
		{`retry_on = ["exit"]`, true, true, true, false},
		{`retry_on = ["exit 64-78"]`, false, true, true, false},
		{`no_retry_on = ["exit 75"]`, true, true, false, true},
		{`no_retry_on = []`, true, true, true, true},
		{`no_retry_on = ["timeout", "exit 1-64"]`, false, true, true, false},
	} {
		on := load(t, task(tc.text)).Tasks["mail"].Retry.On
		if on.Exit(1) != tc.exit1 || on.Exit(65) != tc.exit65 || on.Exit(75) != tc.exit75 || on.Other("timeout") != tc.timeouts {
			t.Errorf("%s: %v %v %v %v", tc.text, on.Exit(1), on.Exit(65), on.Exit(75), on.Other("timeout"))
		}
	}
}
