package taskqueue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

const (
	// lookPause is from the news of a change to the look at it: more changes of that
	// time are one look.
	lookPause = 2 * time.Millisecond
	// coverPause is how long an instance that covers for another waits for it.
	coverPause = 3 * time.Millisecond
	// covers bounds the number of such pauses: entries are to be moved within 10 ms.
	covers = 2
)

// agenda is what a watch has to read, and when. It knows neither Redis nor the clock.
type agenda struct {
	// rank is how many instances move entries for later before this one does; under 0
	// it is none of those on duty.
	rank int
	// most bounds the wait for an entry that is due; see Times.Look.
	most time.Duration
	// When to read these keys: the paused types, who is on duty, the types of all
	// instances.
	paused, duty, types topic
	// known are the types whose entries this instance looks after. Those that have an
	// entry, or may have one, have a time.
	known map[string]topic
}

// topic is something to be read.
type topic struct {
	// at is when to read it; the zero value is never.
	at time.Time
	// refused is what Redis has answered instead, the last time.
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

// saw notes how reading it ended, and when to do so again: after a while if Redis
// refused, and else when it tells of a change.
func (t *topic) saw(refused error, again time.Time) {
	t.at, t.refused = time.Time{}, refused
	if refused != nil {
		t.at = again
	}
}

// newAgenda is for a new connection: everything has to be read. The own types are
// looked at in any case, as nobody may have been there before.
func newAgenda(own []string, most time.Duration, now time.Time) *agenda {
	a := &agenda{rank: -1, most: most, known: make(map[string]topic)}
	a.paused.by(now)
	a.duty.by(now)
	a.serve(own, now)
	return a
}

// lag is how long this instance waits for those before it.
func (a *agenda) lag() time.Duration { return time.Duration(min(max(a.rank, 0), covers)) * coverPause }

// serve has these types looked after, and no others.
func (a *agenda) serve(types []string, now time.Time) {
	known := make(map[string]topic, len(types))
	for _, name := range types {
		t, ok := a.known[name]
		if !ok {
			t.by(now)
		}
		known[name] = t
	}
	a.known = known
}

// appoint notes whether this instance is on duty, and how many come before it.
func (a *agenda) appoint(rank int, on bool, now time.Time) {
	switch {
	case !on:
		a.rank, a.types = -1, topic{}
		a.known = make(map[string]topic)
		return
	case a.rank < 0:
		a.types.by(now)
	}
	a.rank = rank
}

// hear notes a change that Redis has told of.
func (a *agenda) hear(c store.Change, now time.Time) {
	soon := now.Add(lookPause)
	if c.All || c.Paused {
		a.paused.by(soon)
	}
	if c.All || c.Duty {
		a.duty.by(soon)
	}
	if (c.All || c.Instances) && a.rank >= 0 {
		a.types.by(soon)
	}
	soon = soon.Add(a.lag())
	if c.All {
		for t := range a.known {
			a.look(t, soon)
		}
	}
	for _, t := range c.Delayed {
		a.look(t, soon)
	}
}

// look has a type looked at, if it is one of those that are looked after.
func (a *agenda) look(taskType string, at time.Time) {
	if t, ok := a.known[taskType]; ok {
		t.by(at)
		a.known[taskType] = t
	}
}

// open returns the types to look at now, by name.
func (a *agenda) open(now time.Time) (types []string) {
	for name, t := range a.known {
		if t.due(now) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// saw notes the state of a type that was read, and when to try again if Redis refused.
func (a *agenda) saw(d store.Due, now, again time.Time) {
	t, ok := a.known[d.Type]
	if !ok {
		return
	}
	t.saw(d.Refused, again)
	switch {
	case d.Refused != nil || !d.Wait.Any:
	case d.Wait.Left <= 0: // there is more than is moved in one step
		t.at = now
	default:
		t.at = now.Add(min(d.Wait.Left+a.lag(), a.most))
	}
	a.known[d.Type] = t
}

// next returns how long it is until something is to be read; ok is false if
// nothing is.
func (a *agenda) next(now time.Time) (left time.Duration, ok bool) {
	var first topic
	for _, t := range a.known {
		if !t.at.IsZero() {
			first.by(t.at)
		}
	}
	for _, t := range []topic{a.paused, a.duty, a.types} {
		if !t.at.IsZero() {
			first.by(t.at)
		}
	}
	return max(first.at.Sub(now), 0), !first.at.IsZero()
}

// refused returns what Redis refuses now, joined. What it says of many types in the same
// words is said of the first.
func (a *agenda) refused() error {
	all := []error{a.paused.refused, a.duty.refused, a.types.refused}
	said, more := make(map[string]bool), 0
	for _, name := range slices.Sorted(maps.Keys(a.known)) {
		err := a.known[name].refused
		var reply *store.ReplyError
		if errors.As(err, &reply) && said[reply.Text] {
			more++
			continue
		}
		if reply != nil {
			said[reply.Text] = true
		}
		all = append(all, err)
	}
	if more > 0 {
		all = append(all, fmt.Errorf("the same for %d more types", more))
	}
	return errors.Join(all...)
}
