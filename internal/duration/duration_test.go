package duration

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "1d": 24 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute,
		"1.5d": 36 * time.Hour, ".5d": 12 * time.Hour, "1.d": 24 * time.Hour, "-1d": -24 * time.Hour, "1h1d": 25 * time.Hour,
		"106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1", "1dd", "1 d", "1D", "1w", "d1", "1..5d", "106752d", "1e300d", "99999999999999999999d", "xd"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
