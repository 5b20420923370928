package taskqueue

import (
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// backoff says how long a type rests after its tasks failed, as
// backoff_enabled, _min, _max and _factor of the configuration have it.
type backoff struct{ pause time.Duration }

// failed returns the rest that a failure brings, 0 for none.
func (b *backoff) failed(c config.Backoff) time.Duration {
	switch {
	case !c.Enabled:
		b.pause = 0
	case b.pause == 0:
		b.pause = c.Min
	default:
		// In floating point, so that a large factor cannot overflow.
		b.pause = time.Duration(min(float64(b.pause)*c.Factor, float64(c.Max)))
	}
	return b.pause
}

// succeeded ends the row of failures.
func (b *backoff) succeeded() { b.pause = 0 }
