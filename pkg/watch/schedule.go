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
	// lookPause is the time from the notification of a change until it is read: all
	// changes of that time are read at once.
	lookPause = 2 * time.Millisecond
	// coverPause is how long an instance waits for the one that it covers.
	coverPause = 3 * time.Millisecond
	// covers bounds the number of such pauses: entries are to be moved within 10 ms.
	covers = 2
)

// schedule is which keys a watch has to read, and when. It knows neither Redis nor the
// clock.
type schedule struct {
	// rank is how many instances move entries for later before this one does. It is
	// under 0 if this one is not on duty.
	rank int
	// most bounds the wait for an entry that is due; see Times.Look.
	most time.Duration
	// When to read these keys: the paused types, who is on duty, the types of all
	// instances.
	paused, duty, types topic
	// known are the types whose entries for later this instance moves. Types that have
	// an entry, or may have one, have a time.
	known map[string]topic
}

// topic is a key to be read.
type topic struct {
	// at is when to read it; the zero value is never.
	at time.Time
	// refused is the refusal of the last attempt; nil if it succeeded.
	refused error
}

// by brings the time forward.
func (t *topic) by(at time.Time) {
	if t.at.IsZero() || at.Before(t.at) {
		t.at = at
	}
}

// due reports whether it is time.
func (t *topic) due(now time.Time) bool { return !t.at.IsZero() && !t.at.After(now) }

// saw notes how reading it ended, and when to read it again: after a while if Redis
// refused, and otherwise after the next change.
func (t *topic) saw(refused error, again time.Time) {
	t.at, t.refused = time.Time{}, refused
	if refused != nil {
		t.at = again
	}
}

// newSchedule is for a new connection: everything has to be read. The own types are read
// in any case, because no instance may have been on duty before.
func newSchedule(own []string, most time.Duration, now time.Time) *schedule {
	s := &schedule{rank: -1, most: most, known: make(map[string]topic)}
	s.paused.by(now)
	s.duty.by(now)
	s.serve(own, now)
	return s
}

// lag is how long this instance waits for those before it.
func (s *schedule) lag() time.Duration {
	return time.Duration(min(max(s.rank, 0), covers)) * coverPause
}

// serve sets the types whose entries for later this instance moves.
func (s *schedule) serve(types []string, now time.Time) {
	known := make(map[string]topic, len(types))
	for _, name := range types {
		t, ok := s.known[name]
		if !ok {
			t.by(now)
		}
		known[name] = t
	}
	s.known = known
}

// appoint sets whether this instance is on duty, and how many come before it.
func (s *schedule) appoint(rank int, on bool, now time.Time) {
	switch {
	case !on:
		s.rank, s.types = -1, topic{}
		s.known = make(map[string]topic)
		return
	case s.rank < 0:
		s.types.by(now)
	}
	s.rank = rank
}

// hear notes a change of which Redis has notified.
func (s *schedule) hear(c store.Change, now time.Time) {
	soon := now.Add(lookPause)
	if c.All || c.Paused {
		s.paused.by(soon)
	}
	if c.All || c.Duty {
		s.duty.by(soon)
	}
	if (c.All || c.Instances) && s.rank >= 0 {
		s.types.by(soon)
	}
	soon = soon.Add(s.lag())
	if c.All {
		for t := range s.known {
			s.look(t, soon)
		}
	}
	for _, t := range c.Delayed {
		s.look(t, soon)
	}
}

// look schedules a type, if it is a known one.
func (s *schedule) look(taskType string, at time.Time) {
	if t, ok := s.known[taskType]; ok {
		t.by(at)
		s.known[taskType] = t
	}
}

// open returns the types to read now, by name.
func (s *schedule) open(now time.Time) (types []string) {
	for name, t := range s.known {
		if t.due(now) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// saw notes the state of a type that was read, and when to try again if Redis refused.
func (s *schedule) saw(d store.Due, now, again time.Time) {
	t, ok := s.known[d.Type]
	if !ok {
		return
	}
	t.saw(d.Refused, again)
	switch {
	case d.Refused != nil || !d.Wait.Any:
	case d.Wait.Left <= 0: // there is more than is moved in one step
		t.at = now
	default:
		t.at = now.Add(min(d.Wait.Left+s.lag(), s.most))
	}
	s.known[d.Type] = t
}

// next returns how long it is until something is to be read; ok is false if
// nothing is.
func (s *schedule) next(now time.Time) (left time.Duration, ok bool) {
	var first topic
	for _, t := range s.known {
		if !t.at.IsZero() {
			first.by(t.at)
		}
	}
	for _, t := range []topic{s.paused, s.duty, s.types} {
		if !t.at.IsZero() {
			first.by(t.at)
		}
	}
	return max(first.at.Sub(now), 0), !first.at.IsZero()
}

// refused returns the present refusals, joined. If Redis refuses many types in the same
// words, only the first of them is named.
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
