package loop

import (
	"strings"
	"testing"
	"time"
)

func TestHangs(t *testing.T) {
	var p Pulse
	for name, c := range map[string]struct {
		until time.Time
		want  bool
	}{
		"waits for work":      {p.Until(), false},
		"may wait":            {time.Now().Add(time.Minute), false},
		"is late by little":   {time.Now().Add(-slack / 2), false},
		"should be back long": {time.Now().Add(-2 * slack), true},
	} {
		if err := Hangs("the loop", c.until); (err != nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Within(-2 * slack)
	if err := Hangs("the loop", p.Until()); err == nil || err.Error() != "the loop hangs" {
		t.Errorf("a pulse that is over: %v", err)
	}
	p.Rest()
	if !p.Until().IsZero() {
		t.Error("a loop that rests is due")
	}
}

// A clock that is set, as after a boot without a battery, is no hang: a pulse is measured
// on the monotonic clock.
func TestAPulseIgnoresTheWallClock(t *testing.T) {
	var p Pulse
	p.Within(time.Hour)
	if due := p.Until(); !strings.Contains(due.String(), " m=") {
		t.Errorf("%v has no monotonic part", due)
	}
}
