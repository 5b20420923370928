package loop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacerPausesGrowButStayShort(t *testing.T) {
	var p Pacer
	var last time.Duration
	for i := range 20 {
		d := p.Next()
		if d > lastPause || d < firstPause*2/3 {
			t.Errorf("pause %d is %v", i, d)
		}
		last = d
	}
	if last < lastPause*2/3 {
		t.Errorf("the last pause is %v", last)
	}
	p.Reset()
	if d := p.Next(); d > firstPause {
		t.Errorf("after a reset: %v", d)
	}
}

func TestPacerWaitEndsWithAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		p := Pacer{pause: time.Hour}
		p.Wait(t.Context(), ctx)
		if d := time.Since(began); d != 0 {
			t.Errorf("waited %v", d)
		}
	})
}
