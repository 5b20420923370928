package watch

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// onDuty returns a schedule for these types after its first read, at now.
func onDuty(rank int, now time.Time, types ...string) *schedule {
	s := newSchedule(types, store.DefaultTimes().Look, now)
	for _, t := range s.dueTypes(now) {
		s.noteDue(store.Due{Type: t}, now, time.Time{})
	}
	s.paused.noteRead(nil, time.Time{})
	s.duty.noteRead(nil, time.Time{})
	s.setDuty(rank, true, now)
	s.types.noteRead(nil, time.Time{})
	return s
}

// The wait for the next due entry is limited, because the clock of Redis may be set.
func TestNextReadIsWithinAMinute(t *testing.T) {
	in := func(left time.Duration) store.Wait { return store.Wait{Any: true, Left: left} }
	for name, tt := range map[string]struct {
		due  map[string]store.Wait
		want time.Duration
		ok   bool
	}{
		"nothing waits":  {map[string]store.Wait{"T": {}}, 0, false},
		"the first type": {map[string]store.Wait{"T": in(9 * time.Second), "U": in(4 * time.Second), "V": {}}, 4 * time.Second, true},
		"due already":    {map[string]store.Wait{"T": in(0)}, 0, true},
		"in a year":      {map[string]store.Wait{"T": in(365 * 24 * time.Hour)}, time.Minute, true},
	} {
		now := time.Now()
		s := onDuty(0, now, "T", "U", "V")
		for taskType, wait := range tt.due {
			s.noteDue(store.Due{Type: taskType, Wait: wait}, now, time.Time{})
		}
		if left, ok := s.next(now); ok != tt.ok || ok && left != tt.want {
			t.Errorf("%s: %v, %v; want %v", name, left, ok, tt.want)
		}
	}
}

// All waiting changes are read at once, and only the types that have changed.
func TestManyChangesAreReadAtOnce(t *testing.T) {
	now := time.Now()
	s := onDuty(0, now, "T", "U", "V")
	for i := range 1000 {
		s.noteChange(store.Change{Delayed: []string{"T"}}, now.Add(time.Duration(i)*time.Microsecond))
		s.noteChange(store.Change{Delayed: []string{"V", "unknown"}}, now.Add(time.Duration(i)*time.Microsecond))
	}
	left, _ := s.next(now)
	if left != readDelay {
		t.Errorf("the read is after %v", left)
	}
	if diff := cmp.Diff([]string{"T", "V"}, s.dueTypes(now.Add(left))); diff != "" {
		t.Error(diff)
	}
}

// The other instances on duty wait for the first, but not so long that an entry is late.
func TestCoveringInstancesWaitForTheFirst(t *testing.T) {
	now := time.Now()
	for rank, want := range map[int]time.Duration{0: 0, 1: coverDelay, 2: 2 * coverDelay, 9: 2 * coverDelay} {
		s := onDuty(rank, now, "T")
		s.noteDue(store.Due{Type: "T", Wait: store.Wait{Any: true, Left: time.Second}}, now, time.Time{})
		if left, _ := s.next(now); left != time.Second+want {
			t.Errorf("rank %d reads %v after the entry is due", rank, left-time.Second)
		}
		s.noteChange(store.Change{Delayed: []string{"T"}}, now)
		if left, _ := s.next(now); left != readDelay+want || left >= 10*time.Millisecond {
			t.Errorf("rank %d reads %v after a change", rank, left)
		}
	}
}

// An instance that is not on duty reads only the duty and the paused types.
func TestInstanceOffDutyReadsNoTypes(t *testing.T) {
	now := time.Now()
	s := newSchedule([]string{"T"}, store.DefaultTimes().Look, now)
	if diff := cmp.Diff([]string{"T"}, s.dueTypes(now)); diff != "" {
		t.Errorf("a new connection reads: %s", diff)
	}
	s.noteDue(store.Due{Type: "T", Refused: errors.New("refused")}, now, now)
	s.paused.noteRead(nil, now)
	s.duty.noteRead(nil, now)
	s.setDuty(0, false, now)
	s.noteChange(store.Change{Delayed: []string{"T"}, Instances: true}, now)
	if _, ok := s.next(now); ok || s.refused() != nil {
		t.Errorf("there is something to read: %+v", s)
	}
	s.noteChange(store.Change{All: true}, now)
	if !s.paused.due(now.Add(readDelay)) || !s.duty.due(now.Add(readDelay)) || len(s.dueTypes(now.Add(time.Hour))) > 0 {
		t.Errorf("after a change of everything: %+v", s)
	}
}

// A type that Redis refuses is read again, and forgotten when it is no longer served.
func TestRefusedTypesAreRetried(t *testing.T) {
	now := time.Now()
	s := onDuty(0, now, "T", "U")
	refused := errors.New("refused")
	s.noteDue(store.Due{Type: "T", Refused: refused}, now, now.Add(time.Second))
	if left, ok := s.next(now); !ok || left != time.Second || !errors.Is(s.refused(), refused) {
		t.Errorf("next after %v, %v; refused: %v", left, ok, s.refused())
	}
	s.setTypes([]string{"U"}, now)
	if _, ok := s.next(now); ok || s.refused() != nil {
		t.Errorf("the type was removed, but %+v", s)
	}
}

// Without a permission, Redis refuses all types with the same error.
func TestEqualRefusalsAreReportedOnce(t *testing.T) {
	now := time.Now()
	s := newSchedule([]string{"a", "b", "c", "d"}, time.Second, now)
	for name, text := range map[string]string{"a": "NOPERM no", "b": "WRONGTYPE it is a string", "c": "NOPERM no", "d": "NOPERM no"} {
		err := fmt.Errorf("type %s: %w", name, &store.ReplyError{Code: "X", Text: text})
		s.noteDue(store.Due{Type: name, Refused: err}, now, now.Add(time.Second))
	}
	want := "type a: redis: NOPERM no\ntype b: redis: WRONGTYPE it is a string\nthe same error for 2 more types"
	if got := s.refused().Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
