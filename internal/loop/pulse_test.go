package loop

import (
	"strings"
	"testing"
	"time"
)

func TestProgressIsForWhoWaits(t *testing.T) {
	var p Pulse
	p.Within(time.Hour)
	p.Rest()
	p.Progress()
	if p.wait.Load() != nil {
		t.Error("a loop that rests is due")
	}
}

// A clock that is set, as after a boot without a battery, is no hang: a pulse and the
// age of a connection are measured on the monotonic clock.
func TestAPulseIgnoresTheWallClock(t *testing.T) {
	var p Pulse
	p.Within(time.Hour)
	first := p.wait.Load().due
	p.Progress()
	for _, due := range []time.Time{first, p.wait.Load().due} {
		if !strings.Contains(due.String(), " m=") {
			t.Errorf("%v has no monotonic part", due)
		}
	}
	if !p.Moves() {
		t.Error("a loop that is back in time counts as stuck")
	}
}
