package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Watcher is the actor for the paused types, the delayed entries that are due and the
// requests to cancel tasks. Redis notifies it of changes, so it sends no command while
// nothing is due.
//
// A few instances are on duty (see [store.Watch.Duty]): they move the delayed entries of
// all types of all instances. The first moves the entries that are due. The others check
// a few milliseconds later whether it did. So the cost of an entry does not depend on the
// number of instances and types.
type Watcher struct {
	Options
	client *store.Client
	health *loop.Health
	source *loop.Source
	busy   store.Busy
	// changed has a value when the served types may have changed.
	changed chan struct{}
	// tried is closed when the first attempt to watch has succeeded or failed.
	tried     chan struct{}
	triedOnce sync.Once
}

// Options configure a watcher.
type Options struct {
	Keys  store.Keys
	Log   *slog.Logger
	Times store.Times
	// Types returns the types that are served now.
	Types func() []string
	// Paused receives the paused types after each read.
	Paused func(map[string]bool)
	// Cancel stops the tasks with an id and returns how many there were.
	Cancel func(id string) int
}

// New returns a watcher. Its connections are made by Run.
func New(client *store.Client, h *loop.Health, o Options) *Watcher {
	return &Watcher{Options: o, client: client, health: h, source: h.Source(), changed: make(chan struct{}, 1), tried: make(chan struct{})}
}

// TypesChanged has to be called when Types may return other types than before.
func (w *Watcher) TypesChanged() {
	select {
	case w.changed <- struct{}{}:
	default: // there is a value already
	}
}

// Tried is closed after the first attempt to watch. From then on, a task of this instance
// can be cancelled, unless Redis is not reachable.
func (w *Watcher) Tried() <-chan struct{} { return w.tried }

func (w *Watcher) attempted() { w.triedOnce.Do(func() { close(w.tried) }) }

// Run watches until ctx ends, with one pair of connections after the other.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.source.Close()
	var pace loop.Pacer
	for ctx.Err() == nil {
		err := w.watch(ctx, &pace)
		// An interrupted command proves nothing about Redis.
		if ctx.Err() == nil && !errors.Is(err, store.ErrIdleConnLost) {
			w.source.Report(err)
		}
		w.attempted()
		pace.Wait(ctx)
	}
	return nil
}

// Hangs returns an error if the watcher makes no progress.
func (w *Watcher) Hangs() error { return loop.Hangs("the watcher", w.busy.Until()) }

// watch makes a pair of connections and serves them until one of them is lost.
func (w *Watcher) watch(ctx context.Context, pace *loop.Pacer) error {
	watch, err := w.client.Watch(ctx, w.Keys, &w.busy)
	if err != nil {
		return err
	}
	inbox := newInbox()
	group, connected := errgroup.WithContext(ctx)
	group.Go(func() error {
		s := &session{Watcher: w, watch: watch, inbox: inbox, pace: pace, schedule: newSchedule(w.Types(), w.Times.Look, time.Now())}
		return s.serve(connected)
	})
	// Close interrupts a Next that waits; its error has no meaning then.
	defer context.AfterFunc(connected, func() { _ = watch.Close() })()
	group.Go(func() error { return w.listen(watch, inbox) })
	group.Go(func() error { return watch.AwaitClose(connected.Done()) })
	return group.Wait()
}

// listen receives the notifications. It carries out requests to cancel itself, so that
// they do not wait for the other work of the watcher.
func (w *Watcher) listen(watch *store.Watch, inbox *inbox) error {
	for {
		n, err := watch.Next(w.Times.Silence())
		switch {
		case err != nil:
			return err
		case n.Change != nil:
			inbox.put(*n.Change)
		case n.Order != nil:
			if found := w.Cancel(n.Order.Cancel); found > 0 {
				w.Log.Warn("task cancelled on request", "cancel", n.Order.Cancel, "tasks", found)
			}
		case n.Malformed != nil:
			w.Log.Warn("invalid message on the control channel; expected {\"cancel\":\"ID\"}",
				"channel", w.Keys.Control(), "message", output.Excerpt(string(n.Malformed)))
		}
	}
}
