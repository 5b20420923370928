package watch

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// onDuty is an agenda for these types after its first look, at now.
func onDuty(rank int, now time.Time, types ...string) *schedule {
	a := newSchedule(types, store.DefaultTimes().Look, now)
	for _, t := range a.open(now) {
		a.saw(store.Due{Type: t}, now, time.Time{})
	}
	a.paused.saw(nil, time.Time{})
	a.duty.saw(nil, time.Time{})
	a.appoint(rank, true, now)
	a.types.saw(nil, time.Time{})
	return a
}

// The wait for what is due is bounded, since the clock of Redis may be set.
func TestTheNextLookComesWithinAMinute(t *testing.T) {
	in := func(left time.Duration) store.Wait { return store.Wait{Any: true, Left: left} }
	for name, tt := range map[string]struct {
		due  map[string]store.Wait
		want time.Duration
		ok   bool
	}{
		"nothing waits":   {map[string]store.Wait{"T": {}}, 0, false},
		"the first of it": {map[string]store.Wait{"T": in(9 * time.Second), "U": in(4 * time.Second), "V": {}}, 4 * time.Second, true},
		"due already":     {map[string]store.Wait{"T": in(0)}, 0, true},
		"in a year":       {map[string]store.Wait{"T": in(365 * 24 * time.Hour)}, time.Minute, true},
	} {
		now := time.Now()
		a := onDuty(0, now, "T", "U", "V")
		for taskType, wait := range tt.due {
			a.saw(store.Due{Type: taskType, Wait: wait}, now, time.Time{})
		}
		if left, ok := a.next(now); ok != tt.ok || ok && left != tt.want {
			t.Errorf("%s: %v, %v; want %v", name, left, ok, tt.want)
		}
	}
}

// Changes that wait are one look, at the types that have changed alone.
func TestAFloodOfChangesIsOneLook(t *testing.T) {
	now := time.Now()
	a := onDuty(0, now, "T", "U", "V")
	for i := range 1000 {
		a.hear(store.Change{Delayed: []string{"T"}}, now.Add(time.Duration(i)*time.Microsecond))
		a.hear(store.Change{Delayed: []string{"V", "not looked after"}}, now.Add(time.Duration(i)*time.Microsecond))
	}
	left, _ := a.next(now)
	if left != lookPause {
		t.Errorf("the look comes after %v", left)
	}
	if diff := cmp.Diff([]string{"T", "V"}, a.open(now.Add(left))); diff != "" {
		t.Error(diff)
	}
}

// Those who cover wait for the first, and not so long that an entry would be late.
func TestCoversWaitForTheFirst(t *testing.T) {
	now := time.Now()
	for rank, want := range map[int]time.Duration{0: 0, 1: coverPause, 2: 2 * coverPause, 9: 2 * coverPause} {
		a := onDuty(rank, now, "T")
		a.saw(store.Due{Type: "T", Wait: store.Wait{Any: true, Left: time.Second}}, now, time.Time{})
		if left, _ := a.next(now); left != time.Second+want {
			t.Errorf("rank %d looks %v after due", rank, left-time.Second)
		}
		a.hear(store.Change{Delayed: []string{"T"}}, now)
		if left, _ := a.next(now); left != lookPause+want || left >= 10*time.Millisecond {
			t.Errorf("rank %d looks %v after a change", rank, left)
		}
	}
}

// An instance that is not on duty looks at nothing but who is, and what is paused.
func TestOffDutyNothingIsLookedAt(t *testing.T) {
	now := time.Now()
	a := newSchedule([]string{"T"}, store.DefaultTimes().Look, now)
	if diff := cmp.Diff([]string{"T"}, a.open(now)); diff != "" {
		t.Errorf("a new connection looks at: %s", diff)
	}
	a.saw(store.Due{Type: "T", Refused: errors.New("refused")}, now, now)
	a.paused.saw(nil, now)
	a.duty.saw(nil, now)
	a.appoint(0, false, now)
	a.hear(store.Change{Delayed: []string{"T"}, Instances: true}, now)
	if _, ok := a.next(now); ok || a.refused() != nil {
		t.Errorf("there is something to read: %+v", a)
	}
	a.hear(store.Change{All: true}, now)
	if !a.paused.due(now.Add(lookPause)) || !a.duty.due(now.Add(lookPause)) || len(a.open(now.Add(time.Hour))) > 0 {
		t.Errorf("after a loss of everything: %+v", a)
	}
}

// What Redis refuses is tried again, and forgotten with its type.
func TestRefusedTypesAreTriedAgain(t *testing.T) {
	now := time.Now()
	a := onDuty(0, now, "T", "U")
	refused := errors.New("refused")
	a.saw(store.Due{Type: "T", Refused: refused}, now, now.Add(time.Second))
	if left, ok := a.next(now); !ok || left != time.Second || !errors.Is(a.refused(), refused) {
		t.Errorf("next after %v, %v; refused: %v", left, ok, a.refused())
	}
	a.serve([]string{"U"}, now)
	if _, ok := a.next(now); ok || a.refused() != nil {
		t.Errorf("the type is gone, but %+v", a)
	}
}

// Without a right, all types are refused in the same words.
func TestRefusalOfAllTypesIsSaidOnce(t *testing.T) {
	now := time.Now()
	a := newSchedule([]string{"a", "b", "c", "d"}, time.Second, now)
	for name, text := range map[string]string{"a": "NOPERM no", "b": "WRONGTYPE it is a string", "c": "NOPERM no", "d": "NOPERM no"} {
		err := fmt.Errorf("type %s: %w", name, &store.ReplyError{Code: "X", Text: text})
		a.saw(store.Due{Type: name, Refused: err}, now, now.Add(time.Second))
	}
	want := "type a: redis: NOPERM no\ntype b: redis: WRONGTYPE it is a string\nthe same error for 2 more types"
	if got := a.refused().Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
