package watch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// session is the watcher's work on one pair of connections.
type session struct {
	*Watcher
	watch    *store.Watch
	inbox    *inbox
	schedule *schedule
	pace     *loop.Pacer
	// refusals is set if Redis has refused a command since the last report.
	refusals bool
}

// serve reads the keys of the schedule whenever they are due, until the connections are
// lost or ctx ends.
func (s *session) serve(ctx context.Context) error {
	ping := time.NewTicker(s.Times.Ping)
	defer ping.Stop()
	for {
		if err := s.process(); err != nil {
			return err
		}
		s.attempted()
		if err := s.wait(ctx, ping.C); err != nil {
			return err
		}
	}
}

// wait returns when a key is due.
func (s *session) wait(ctx context.Context, ping <-chan time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		if left, ok := s.schedule.next(time.Now()); ok {
			timer.Reset(left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-s.inbox.ready:
			for _, c := range s.inbox.take() {
				s.schedule.noteChange(c, time.Now())
			}
		case <-s.changed:
			if s.schedule.rank >= 0 {
				s.schedule.types.readBy(time.Now())
			}
		case <-s.health.Doubt():
			if err := s.ping(); err != nil {
				return err
			}
		case <-ping:
			if err := s.ping(); err != nil {
				return err
			}
			s.schedule.duty.readBy(time.Now())
		}
	}
}

// ping tests both connections. Otherwise the loss of the one that only receives would not
// be noticed.
func (s *session) ping() error {
	return s.watch.Ping()
}

// process reads all keys that are due, reports the paused types, and moves the entries
// that are due. A key that Redis refuses is read again later, and delays nothing else.
func (s *session) process() error {
	for _, step := range []func() error{s.readPaused, s.moveDue, s.readDuty, s.readTypes} {
		if err := step(); err != nil {
			return err
		}
	}
	refused := s.schedule.refused()
	if refused == nil {
		s.pace.Reset()
	}
	if refused == nil || s.refusals {
		s.source.Report(refused)
	}
	if s.refusals && s.watch.Stale() {
		return refused // the next connection finds the present master
	}
	s.refusals = false
	return nil
}

// again returns the time of the next attempt after a refusal.
func (s *session) again(refused error) time.Time {
	if refused == nil {
		return time.Time{}
	}
	s.refusals = true
	return time.Now().Add(s.pace.Next())
}

func (s *session) readPaused() error {
	if !s.schedule.paused.due(time.Now()) {
		return nil
	}
	paused, err := s.watch.Paused()
	if err != nil && !store.Refused(err) {
		return err
	}
	s.schedule.paused.noteRead(err, s.again(err))
	if err == nil {
		s.Paused(paused)
	}
	return nil
}

// readDuty asks whether this instance is on duty. If Redis refuses the question, the
// instance puts itself on duty: many instances that move the entries are better than none.
func (s *session) readDuty() error {
	if !s.schedule.duty.due(time.Now()) {
		return nil
	}
	rank, on, err := s.watch.Duty()
	if err != nil && !store.Refused(err) {
		return err
	}
	s.schedule.duty.noteRead(err, s.again(err))
	if err != nil {
		rank, on = 0, true
	}
	if on != (s.schedule.rank >= 0) {
		s.Log.Debug("the duty of this instance for delayed entries has changed", "on_duty", on, "rank", rank)
	}
	s.schedule.setDuty(rank, on, time.Now())
	return nil
}

// readTypes reads the types of all instances.
func (s *session) readTypes() error {
	if !s.schedule.types.due(time.Now()) {
		return nil
	}
	types, err := s.watch.Types()
	if err != nil && !store.Refused(err) {
		return err
	}
	s.schedule.types.noteRead(err, s.again(err))
	if err != nil {
		types = slices.Collect(maps.Keys(s.schedule.known))
	}
	s.schedule.setTypes(append(types, s.Types()...), time.Now())
	return nil
}

// moveDue reads the types that are due, and moves a batch of due entries of each. A
// refusal for one type does not delay the others.
func (s *session) moveDue() error {
	types := s.schedule.dueTypes(time.Now())
	var again time.Time
	for most := len(types); len(types) > 0; {
		due, err := s.watch.MoveDue(types[:min(most, len(types))])
		switch {
		case errors.Is(err, &store.ReplyError{Code: "NOPERM"}) && most > 1:
			most = 1 // perhaps only one of the types is refused
			continue
		case store.Refused(err) && most > 1:
			due = refuse(types, err)
		case store.Refused(err):
			due = refuse(types[:1], err)
		case err != nil:
			return err
		}
		now := time.Now()
		for _, d := range due {
			if d.Refused != nil && again.IsZero() {
				again = s.again(d.Refused)
			}
			if d.Moved > 0 {
				s.Log.Debug("moved due entries to their queues", output.KeyTaskType, d.Type, "entries", d.Moved)
			}
			s.schedule.noteDue(d, now, again)
		}
		types = types[len(due):]
	}
	return nil
}

// refuse returns the state of types that Redis refuses.
func refuse(types []string, err error) []store.Due {
	due := make([]store.Due, len(types))
	for i, t := range types {
		due[i] = store.Due{Type: t, Refused: err}
	}
	return due
}
