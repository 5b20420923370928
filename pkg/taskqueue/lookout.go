package taskqueue

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

// lookout is the watcher with one pair of connections.
type lookout struct {
	*watcher
	watch  *store.Watch
	heard  *inbox
	agenda *agenda
	pace   *loop.Pacer
	// met is whether Redis has refused something since the last report.
	met bool
}

// serve looks, waits for the next thing to do, and looks again, until the connections
// are lost. Where ctx itself ends, another instance is put on duty for this one.
func (l *lookout) serve(ctx, connected context.Context) error {
	ping := time.NewTicker(l.times.Ping)
	defer ping.Stop()
	for {
		if err := l.look(); err != nil {
			return err
		}
		l.attempted()
		l.pulse.Rest()
		if err := l.rest(connected, ping.C); err != nil {
			if ctx.Err() != nil && l.agenda.rank >= 0 {
				_ = l.watch.LeaveDuty() // the others find out by themselves, only later
			}
			return err
		}
	}
}

// rest returns when it is time for another look.
func (l *lookout) rest(ctx context.Context, ping <-chan time.Time) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		if left, ok := l.agenda.next(time.Now()); ok {
			timer.Reset(left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-l.heard.ready:
			for _, c := range l.heard.take() {
				l.agenda.hear(c, time.Now())
			}
		case <-l.changed:
			if l.agenda.rank >= 0 {
				l.agenda.types.by(time.Now())
			}
		case <-l.health.Doubt():
			if err := l.ping(); err != nil {
				return err
			}
		case <-ping:
			if err := l.ping(); err != nil {
				return err
			}
			l.agenda.duty.by(time.Now())
		}
	}
}

// ping asks both connections whether they still work. The one that reads would
// not notice its loss otherwise.
func (l *lookout) ping() error {
	l.pulse.Within(4 * l.times.IO)
	defer l.pulse.Rest()
	return l.watch.Ping()
}

// look reads what is on the agenda now, passes it on, and moves what is due. What
// Redis refuses is tried again, and holds up nothing else.
func (l *lookout) look() error {
	for _, step := range []func() error{l.readPaused, l.moveDue, l.readDuty, l.readTypes} {
		l.pulse.Within(4 * l.times.IO)
		if err := step(); err != nil {
			return err
		}
	}
	refused := l.agenda.refused()
	if refused == nil {
		l.pace.Reset()
	}
	if refused == nil || l.met {
		l.source.Report(refused)
	}
	if l.met && l.watch.Stale() {
		return refused // where the master is now, the next connection finds out
	}
	l.met = false
	return nil
}

// again returns when to try again what Redis has refused.
func (l *lookout) again(refused error) time.Time {
	if refused == nil {
		return time.Time{}
	}
	l.met = true
	return time.Now().Add(l.pace.Next())
}

func (l *lookout) readPaused() error {
	if !l.agenda.paused.due(time.Now()) {
		return nil
	}
	paused, err := l.watch.Paused()
	if err != nil && !store.Refused(err) {
		return err
	}
	l.agenda.paused.saw(err, l.again(err))
	if err == nil {
		l.paused(paused)
	}
	return nil
}

// readDuty asks whether this instance is on duty. Where Redis refuses to say, it is:
// entries moved by many cost more than entries moved by nobody.
func (l *lookout) readDuty() error {
	if !l.agenda.duty.due(time.Now()) {
		return nil
	}
	rank, on, err := l.watch.Duty()
	if err != nil && !store.Refused(err) {
		return err
	}
	l.agenda.duty.saw(err, l.again(err))
	if err != nil {
		rank, on = 0, true
	}
	if on != (l.agenda.rank >= 0) {
		l.log.Debug("entries for later are moved by this instance", "on_duty", on, "rank", rank)
	}
	l.agenda.appoint(rank, on, time.Now())
	return nil
}

// readTypes reads which types there are, of all instances.
func (l *lookout) readTypes() error {
	if !l.agenda.types.due(time.Now()) {
		return nil
	}
	types, err := l.watch.Types()
	if err != nil && !store.Refused(err) {
		return err
	}
	l.agenda.types.saw(err, l.again(err))
	if err != nil {
		types = slices.Collect(maps.Keys(l.agenda.known))
	}
	l.agenda.serve(append(types, l.types()...), time.Now())
	return nil
}

// moveDue looks at the types whose time has come, and moves what is due, a batch of
// each. What Redis refuses for one type does not hold up the others.
func (l *lookout) moveDue() error {
	types := l.agenda.open(time.Now())
	var again time.Time
	for most := len(types); len(types) > 0; {
		l.pulse.Within(4 * l.times.IO) // for each: Redis may be slow, and the types many
		due, err := l.watch.MoveDue(types[:min(most, len(types))])
		switch {
		case errors.Is(err, &store.ReplyError{Code: "NOPERM"}) && most > 1:
			most = 1 // perhaps one of the types is refused
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
				again = l.again(d.Refused)
			}
			if d.Moved > 0 {
				l.log.Debug("entries are due", output.KeyTaskType, d.Type, "entries", d.Moved)
			}
			l.agenda.saw(d, now, again)
		}
		types = types[len(due):]
	}
	return nil
}

// refuse is the state of types of which nothing is known but that Redis refuses.
func refuse(types []string, err error) []store.Due {
	due := make([]store.Due, len(types))
	for i, t := range types {
		due[i] = store.Due{Type: t, Refused: err}
	}
	return due
}
