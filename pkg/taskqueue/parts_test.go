package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

func TestSlotUsesItsListsInTurn(t *testing.T) {
	s := &slot{index: 3}
	if s.current() != 6 || s.other() != 7 {
		t.Errorf("lists %d and %d", s.current(), s.other())
	}
	s.take()
	s.taken(store.Taken{}, 1)
	if s.state != free || s.other() != 7 {
		t.Errorf("after an empty take: %v, next list %d", s.state, s.other())
	}
	s.take()
	s.taken(store.Taken{Entry: []byte("a")}, 2)
	if s.state != running || s.current() != 7 || s.since != 2 {
		t.Errorf("after a take: %v in %d", s.state, s.current())
	}
	s.finish()
	s.finished(store.Taken{Entry: []byte("b")}, 3)
	if s.state != running || s.current() != 6 || string(s.entry) != "b" {
		t.Errorf("after the next: %v in %d", s.state, s.current())
	}
	s.finish()
	s.finished(store.Taken{}, 4)
	if s.state != free || s.entry != nil || s.other() != 7 {
		t.Errorf("at the end: %v, next list %d", s.state, s.other())
	}
}

func TestSlotRefusesWhatItsLifeDoesNotHave(t *testing.T) {
	for name, step := range map[string]func(*slot){
		"finish while free": (*slot).finish,
		"taken while free":  func(s *slot) { s.taken(store.Taken{}, 1) },
		"take twice":        func(s *slot) { s.take(); s.take() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			step(&slot{})
		})
	}
}

func TestRetryPausesGrowButStayShort(t *testing.T) {
	var r retry
	var last time.Duration
	for i := range 20 {
		p := r.next()
		if p > lastPause || p < firstPause*2/3 {
			t.Errorf("pause %d is %v", i, p)
		}
		last = p
	}
	if last < lastPause*2/3 {
		t.Errorf("the last pause is %v", last)
	}
	r.reset()
	if p := r.next(); p > firstPause {
		t.Errorf("after a reset: %v", p)
	}
}

func TestRetryWaitEndsWithAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		r := retry{pause: time.Hour}
		r.wait(t.Context(), ctx)
		if d := time.Since(began); d != 0 {
			t.Errorf("waited %v", d)
		}
	})
}

func TestBackoffGrowsAndIsReset(t *testing.T) {
	c := config.Backoff{Enabled: true, Min: 100 * time.Millisecond, Max: 350 * time.Millisecond, Factor: 2}
	var b backoff
	for i, want := range []time.Duration{c.Min, 2 * c.Min, c.Max, c.Max} {
		if got := b.failed(c); got != want {
			t.Errorf("failure %d rests %v", i+1, got)
		}
	}
	b.succeeded()
	if got := b.failed(c); got != c.Min {
		t.Errorf("after a success: %v", got)
	}
	huge := config.Backoff{Enabled: true, Min: time.Hour, Max: 1 << 62, Factor: 1e300}
	b = backoff{}
	b.failed(huge)
	if got := b.failed(huge); got <= 0 || got > huge.Max {
		t.Errorf("a large factor overflows: %v", got)
	}
	if got := b.failed(config.Backoff{Min: time.Hour}); got != 0 {
		t.Errorf("rests %v though it is off", got)
	}
}

func TestBudgetWakesWhoWaits(t *testing.T) {
	b := newBudget()
	mine, others := make(chan struct{}, 1), make(chan struct{}, 1)
	if !b.acquire(1, mine) || b.acquire(1, others) {
		t.Fatal("one place was not given once")
	}
	if !b.within(1) || b.within(0) {
		t.Error("within counts wrongly")
	}
	b.release()
	select {
	case <-others:
	default:
		t.Error("nobody was woken")
	}
	if !b.acquire(1, others) {
		t.Error("the place is not free")
	}
}

func TestHealthLogsEachChangeOnce(t *testing.T) {
	log := &lockedBuffer{}
	h := newHealth(slog.New(slog.NewTextHandler(log, nil)), "here")
	refused := fmt.Errorf("take: %w", &store.ReplyError{Code: "LOADING", Text: "LOADING Redis is loading"})
	h.report("a", nil)
	h.report("a", errors.New("cut"))
	h.report("b", errors.New("cut"))
	h.report("a", errors.New("refused"))
	if got := h.status(); got != "redis not reachable" {
		t.Errorf("status %q", got)
	}
	h.report("a", refused)
	h.report("b", refused)
	if got := h.status(); got != "redis refuses (LOADING)" {
		t.Errorf("status %q", got)
	}
	h.report("a", nil)
	if got := h.status(); got != "redis refuses (LOADING)" {
		t.Errorf("status %q while one is in trouble", got)
	}
	h.report("b", nil)
	if got := h.status(); got != "redis ok" {
		t.Errorf("status %q", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	h.report("a", errors.New("cut"))
	h.forget("a")
	if got := h.status(); got != "redis ok" {
		t.Errorf("status %q after the one in trouble has ended", got)
	}
}
