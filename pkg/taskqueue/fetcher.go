package taskqueue

import (
	"context"
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

// fetcher is the actor that waits for entries of one type on a connection of its own, one
// entry at a time, and only while a slot is free.
type fetcher struct {
	keys   store.Keys
	link   *store.Link
	health *loop.Source
	log    *slog.Logger
	times  store.Times
	// orders and taken hold one value: the queue never has two orders out.
	orders chan order
	taken  chan store.Taken
}

func newFetcher(keys store.Keys, link *store.Link, h *loop.Source, log *slog.Logger, t store.Times) *fetcher {
	f := &fetcher{keys: keys, link: link, health: h, log: log, times: t, orders: make(chan order, 1), taken: make(chan store.Taken, 1)}
	return f
}

// Hangs returns an error if the fetcher does not move.
func (f *fetcher) Hangs() error { return loop.Hangs("the fetcher", f.link.BusyUntil()) }

// Run serves orders until ctx ends.
func (f *fetcher) Run(ctx context.Context) error {
	defer f.health.Close()
	for {
		select {
		case <-ctx.Done():
			return loop.CloseLink(f.link)
		case o := <-f.orders:
			t := f.take(ctx, o)
			removeTTL(ctx, f.link, f.log, f.keys, o.run.Type, t.Entry)
			f.taken <- t
		}
	}
}

// take returns the entry that is now in the run list. It returns none if the list is
// certain to be empty and the order was withdrawn, or was not to wait. Only after the end
// of ctx does it return without certainty.
//
// Power loss here: the entry is in the queue or in the run list, from where
// recovery brings it back.
func (f *fetcher) take(ctx context.Context, o order) store.Taken {
	var pace loop.Pacer
	// unsure is set while an entry may be in the run list: it came over a lost
	// connection, or Redis came back with an older state in which it was not removed
	// yet. The note may be missing there, too.
	unsure := true
	for ctx.Err() == nil {
		var t store.Taken
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
	defer f.reportAccepted(pace)()
	return c.Take(o.ctx, f.keys, o.run, f.times.Block)
}

// accepted is how long a BLMOVE has to wait until it counts as accepted: a refusal comes
// at once.
const accepted = 200 * time.Millisecond

// reportAccepted reports, during a take that follows a failed one, that Redis is usable
// again: the answer itself may take until Times.Block. The caller calls the returned
// function when it has the answer.
func (f *fetcher) reportAccepted(pace loop.Pacer) (answered func()) {
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
