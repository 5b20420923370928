package watch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

const (
	// readDelay is the time from the notification of a change to the read. All changes
	// of that time are read at once.
	readDelay = 2 * time.Millisecond
	// coverDelay is how long an instance on duty waits for the one before it.
	coverDelay = 3 * time.Millisecond
	// maxCovered limits the number of such delays: entries are moved within 10 ms.
	maxCovered = 2
)

// schedule holds the keys that a watch has to read, and the time for each. It knows
// neither Redis nor the clock.
type schedule struct {
	// rank is the number of instances on duty that come before this one. It is negative
	// if this one is not on duty.
	rank int
	// most limits the wait for the next due entry; see Times.Look.
	most time.Duration
	// paused is the key of the paused types, duty that of the instances on duty, types
	// that of the types of all instances.
	paused, duty, types topic
	// known has the types whose delayed entries this instance moves. A type that has an
	// entry, or may have one, has a time.
	known map[string]topic
}

// topic is a key to be read.
type topic struct {
	// at is when to read it; the zero value is for never.
	at time.Time
	// refused is the refusal of the last attempt; nil if it succeeded.
	refused error
}

// readBy makes at the latest time for the read.
func (t *topic) readBy(at time.Time) {
	if t.at.IsZero() || at.Before(t.at) {
		t.at = at
	}
}

// due reports whether it is time to read.
func (t *topic) due(now time.Time) bool { return !t.at.IsZero() && !t.at.After(now) }

// noteRead records the result of a read. The next read is after the next change, or at
// the time again if Redis refused.
func (t *topic) noteRead(refused error, again time.Time) {
	t.at, t.refused = time.Time{}, refused
	if refused != nil {
		t.at = again
	}
}

// newSchedule returns the schedule for a new connection: everything is read now. That
// includes the types of this instance, because no instance may have been on duty before.
func newSchedule(own []string, most time.Duration, now time.Time) *schedule {
	s := &schedule{rank: -1, most: most, known: make(map[string]topic)}
	s.paused.readBy(now)
	s.duty.readBy(now)
	s.setTypes(own, now)
	return s
}

// lag returns how long this instance waits for those on duty before it.
func (s *schedule) lag() time.Duration {
	return time.Duration(min(max(s.rank, 0), maxCovered)) * coverDelay
}

// setTypes sets the types whose delayed entries this instance moves.
func (s *schedule) setTypes(types []string, now time.Time) {
	known := make(map[string]topic, len(types))
	for _, name := range types {
		t, ok := s.known[name]
		if !ok {
			t.readBy(now)
		}
		known[name] = t
	}
	s.known = known
}

// setDuty sets whether this instance is on duty, and the number of those before it.
func (s *schedule) setDuty(rank int, on bool, now time.Time) {
	switch {
	case !on:
		s.rank, s.types = -1, topic{}
		s.known = make(map[string]topic)
		return
	case s.rank < 0:
		s.types.readBy(now)
	}
	s.rank = rank
}

// noteChange schedules the reads after a change that Redis has reported.
func (s *schedule) noteChange(c store.Change, now time.Time) {
	soon := now.Add(readDelay)
	if c.All || c.Paused {
		s.paused.readBy(soon)
	}
	if c.All || c.Duty {
		s.duty.readBy(soon)
	}
	if (c.All || c.Instances) && s.rank >= 0 {
		s.types.readBy(soon)
	}
	soon = soon.Add(s.lag())
	if c.All {
		for t := range s.known {
			s.readType(t, soon)
		}
	}
	for _, t := range c.Delayed {
		s.readType(t, soon)
	}
}

// readType schedules the read of a type if the type is known.
func (s *schedule) readType(taskType string, at time.Time) {
	if t, ok := s.known[taskType]; ok {
		t.readBy(at)
		s.known[taskType] = t
	}
}

// dueTypes returns the types to read now, sorted.
func (s *schedule) dueTypes(now time.Time) (types []string) {
	for name, t := range s.known {
		if t.due(now) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// noteDue records the state of a type that was read. The next read is at the time again
// if Redis refused.
func (s *schedule) noteDue(d store.Due, now, again time.Time) {
	t, ok := s.known[d.Type]
	if !ok {
		return
	}
	t.noteRead(d.Refused, again)
	switch {
	case d.Refused != nil || !d.Wait.Any:
	case d.Wait.Left <= 0: // there are more entries than one step moves
		t.at = now
	default:
		t.at = now.Add(min(d.Wait.Left+s.lag(), s.most))
	}
	s.known[d.Type] = t
}

// next returns the time until the next read; ok is false if there is none.
func (s *schedule) next(now time.Time) (left time.Duration, ok bool) {
	var first topic
	for _, t := range s.known {
		if !t.at.IsZero() {
			first.readBy(t.at)
		}
	}
	for _, t := range []topic{s.paused, s.duty, s.types} {
		if !t.at.IsZero() {
			first.readBy(t.at)
		}
	}
	return max(first.at.Sub(now), 0), !first.at.IsZero()
}

// refused returns the present refusals, joined. If Redis refuses several types with the
// same error, the result names only the first of them.
func (s *schedule) refused() error {
	all := []error{s.paused.refused, s.duty.refused, s.types.refused}
	seen, more := make(map[string]bool), 0
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		err := s.known[name].refused
		var reply *store.ReplyError
		if errors.As(err, &reply) && seen[reply.Text] {
			more++
			continue
		}
		if reply != nil {
			seen[reply.Text] = true
		}
		all = append(all, err)
	}
	if more > 0 {
		all = append(all, fmt.Errorf("the same error for %d more types", more))
	}
	return errors.Join(all...)
}
