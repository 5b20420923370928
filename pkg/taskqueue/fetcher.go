package taskqueue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// order asks the fetcher for one entry.
type order struct {
	ctx context.Context // ends when the entry is no longer wanted
	run store.RunList   // the run list to move it to, known to be empty
	now bool            // do not wait for one
}

// fetcher waits for entries of one type on a connection of its own, one at a
// time, and only while a slot is free.
type fetcher struct {
	keys   store.Keys
	link   *store.Link
	health *loop.Source
	log    *slog.Logger
	times  Times
	pulse  loop.Pulse
	// orders and taken hold one value: the queue never has two orders out.
	orders chan order
	taken  chan store.Taken
}

func newFetcher(keys store.Keys, link *store.Link, h *loop.Source, log *slog.Logger, t Times) *fetcher {
	f := &fetcher{keys: keys, link: link, health: h, log: log, times: t, orders: make(chan order, 1), taken: make(chan store.Taken, 1)}
	link.OnProgress(f.pulse.Progress)
	return f
}

// Run serves orders until ctx ends.
func (f *fetcher) Run(ctx context.Context) error {
	defer f.health.Close()
	for {
		select {
		case <-ctx.Done():
			return closeLink(f.link)
		case o := <-f.orders:
			t := f.take(ctx, o)
			outlive(ctx, f.link, f.log, f.keys, o.run.Type, t.Entry)
			f.pulse.Rest()
			f.taken <- t
		}
	}
}

// take returns the entry that is now in the run list, or none when the list
// is certain to be empty and the order was withdrawn, or was not to wait. Only
// the end of ctx lets it return without certainty.
//
// Power loss here: the entry is in the queue or in the run list, from where
// recovery brings it back.
func (f *fetcher) take(ctx context.Context, o order) store.Taken {
	var pace loop.Pacer
	// Whether an entry may be in the run list: it came in over a lost connection,
	// or Redis came back with its past and has forgotten that it was removed. It may
	// have forgotten the note, too.
	unsure := true
	for ctx.Err() == nil {
		var t store.Taken
		f.pulse.Within(f.times.Block + 4*f.times.IO)
		err := f.link.Use(ctx, func(c *store.Conn) (err error) {
			if unsure {
				if t, err = c.Prepare(f.keys, o.run); err != nil || t.Entry != nil {
					return err
				}
				unsure = false
			}
			t.Note = o.run.Note
			t.Entry, err = f.ask(c, o, pace)
			unsure = err != nil && !store.Refused(err)
			return err
		})
		f.health.Report(err)
		switch {
		case err == nil && (t.Entry != nil || o.now || o.ctx.Err() != nil):
			return t
		case err == nil:
			pace.Reset() // nothing came within Times.Block
		case unsure:
			pace.Wait(ctx)
		case o.now || o.ctx.Err() != nil:
			return store.Taken{}
		default:
			pace.Wait(ctx, o.ctx)
		}
	}
	return store.Taken{}
}

// ask asks Redis for an entry once.
func (f *fetcher) ask(c *store.Conn, o order, pace loop.Pacer) ([]byte, error) {
	if o.now {
		return c.TakeNow(f.keys, o.run)
	}
	defer f.wellAfterAll(pace)()
	return c.Take(o.ctx, f.keys, o.run, f.times.Block)
}

// accepted is how long a BLMOVE has to be waiting to count as accepted: a
// refusal comes at once.
const accepted = 200 * time.Millisecond

// wellAfterAll reports, in the middle of a take that follows a failed one, that
// Redis is fit again: the answer itself may take until Times.Block. The returned
// function has to be called when the answer is there.
func (f *fetcher) wellAfterAll(pace loop.Pacer) (answered func()) {
	if !pace.Failing() {
		return func() {}
	}
	reported := make(chan struct{})
	timer := time.AfterFunc(accepted, func() {
		defer close(reported)
		f.health.Report(nil)
	})
	return func() {
		if !timer.Stop() {
			<-reported
		}
	}
}

// closeLink closes at the end of an actor's life; the other side may be gone.
func closeLink(l *store.Link) error {
	if err := l.Close(); err != nil {
		return fmt.Errorf("close connection to redis: %w", err)
	}
	return nil
}
