package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// watcher looks at what Redis says besides entries: which types are paused, which
// entries for later are due, which tasks are to be cancelled. Redis tells it when
// something has changed, so it asks nothing while nothing is due.
//
// A few instances are on duty (see [store.Watch.Duty]): they move the entries for
// later of all types of all instances. The first moves what is due, the others look
// a few milliseconds later whether it has. So an entry costs the same however many
// instances and types there are.
type watcher struct {
	keys   store.Keys
	client *store.Client
	health *loop.Health
	source *loop.Source
	log    *slog.Logger
	pulse  loop.Pulse
	times  Times
	// types are those that are served now.
	types func() []string
	// paused is told which types are, whenever that was read.
	paused func(map[string]bool)
	// cancel stops a task and returns how many there were of this id.
	cancel func(id string) int
	// changed has a value when the types may be others than before.
	changed chan struct{}
	// tried is closed when the first attempt to watch has gone one way or the other.
	tried     chan struct{}
	triedOnce sync.Once
}

// attempted notes that the first attempt is over: who starts a daemon may cancel a
// task of it from then on.
func (w *watcher) attempted() { w.triedOnce.Do(func() { close(w.tried) }) }

// leaveTimeout is how long a stop waits for Redis to know that this instance is no
// longer on duty.
const leaveTimeout = time.Second

// Run watches until ctx ends, over one pair of connections after the other.
func (w *watcher) Run(ctx context.Context) error {
	var pace loop.Pacer
	for ctx.Err() == nil {
		err := w.watch(ctx, &pace)
		// What was cut short says nothing of Redis.
		if ctx.Err() == nil && !errors.Is(err, store.ErrIdleConnLost) {
			w.source.Report(err)
		}
		w.attempted()
		w.pulse.Rest()
		pace.Wait(ctx)
	}
	w.source.Close()
	return nil
}

// watch makes a pair of connections and serves them until one of them is lost.
func (w *watcher) watch(ctx context.Context, pace *loop.Pacer) error {
	w.pulse.Within(4 * w.times.IO)
	watch, err := w.client.Watch(ctx, w.keys, nil)
	if err != nil {
		return err
	}
	heard := newInbox()
	group, connected := errgroup.WithContext(ctx)
	left := make(chan struct{})
	group.Go(func() error {
		defer close(left)
		l := &lookout{watcher: w, watch: watch, heard: heard, pace: pace, agenda: newAgenda(w.types(), w.times.Look, time.Now())}
		return l.serve(ctx, connected)
	})
	// Close ends a Next that waits; what it says then is no news.
	defer context.AfterFunc(connected, func() {
		select {
		case <-left:
		case <-time.After(leaveTimeout):
		}
		_ = watch.Close()
	})()
	group.Go(func() error { return w.listen(watch, heard) })
	group.Go(func() error { return watch.AwaitClose(connected.Done()) })
	return group.Wait()
}

// listen hears what there is to hear. Orders are handled here, however much else is
// to be done.
func (w *watcher) listen(watch *store.Watch, heard *inbox) error {
	for {
		n, err := watch.Next(w.times.silence())
		switch {
		case err != nil:
			return err
		case n.Change != nil:
			heard.put(*n.Change)
		case n.Order != nil:
			if found := w.cancel(n.Order.Cancel); found > 0 {
				w.log.Warn("a task is cancelled, as somebody has asked for", "cancel", n.Order.Cancel, "tasks", found)
			}
		case n.Malformed != nil:
			w.log.Warn("a message on the control channel cannot be read; {\"cancel\":\"ID\"} would be right",
				"channel", w.keys.Control(), "message", excerpt(string(n.Malformed)))
		}
	}
}
