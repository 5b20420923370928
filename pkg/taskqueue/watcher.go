package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// watcher looks at what Redis says besides entries: which types are paused, which
// entries for later are due, which tasks are to be cancelled. It moves what is due
// to its queue. Redis tells it when something has changed, so it asks nothing while
// nothing is due.
type watcher struct {
	keys   store.Keys
	client *store.Client
	health *health
	log    *slog.Logger
	times  Times
	pulse  pulse
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

const (
	// lookPause is between two looks: a flood of changes is one.
	lookPause = 2 * time.Millisecond
)

// Run watches until ctx ends, over one pair of connections after the other.
func (w *watcher) Run(ctx context.Context) error {
	var pace retry
	for ctx.Err() == nil {
		err := w.watch(ctx, &pace)
		// What was cut short says nothing of Redis.
		if ctx.Err() == nil && !errors.Is(err, store.ErrRested) {
			w.health.report(w, err)
		}
		w.attempted()
		w.pulse.rest()
		pace.wait(ctx)
	}
	w.health.forget(w)
	return nil
}

// watch makes a pair of connections and serves them until one of them is lost.
func (w *watcher) watch(ctx context.Context, pace *retry) error {
	w.pulse.within(4 * w.times.IO)
	watch, err := w.client.Watch(ctx, w.keys)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	// Close ends a Next that waits; what it says then is no news.
	defer context.AfterFunc(ctx, func() { _ = watch.Close() })()
	news := make(chan store.News)
	group.Go(func() error { return w.serve(ctx, watch, news, pace) })
	group.Go(func() error {
		for {
			n, err := watch.Next(w.times.silence())
			if err != nil {
				return err
			}
			select {
			case news <- n:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return group.Wait()
}

// serve looks, waits for the next thing to do, and looks again.
func (w *watcher) serve(ctx context.Context, watch *store.Watch, news <-chan store.News, pace *retry) error {
	ping := time.NewTicker(w.times.Ping)
	defer ping.Stop()
	for {
		left, err := w.look(watch, pace)
		if err != nil {
			return err
		}
		w.attempted()
		w.pulse.rest()
		if err := w.rest(ctx, watch, news, ping.C, left); err != nil {
			return err
		}
	}
}

// rest returns when it is time for another look, at the latest after left, where
// that is over 0.
func (w *watcher) rest(ctx context.Context, watch *store.Watch, news <-chan store.News, ping <-chan time.Time, left time.Duration) error {
	var due <-chan time.Time
	if left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		due = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			return nil
		case <-w.changed:
			return nil
		case n := <-news:
			if w.hear(n) {
				time.Sleep(lookPause)
				return nil
			}
		case <-w.health.doubt:
			if err := w.ping(watch); err != nil {
				return err
			}
		case <-ping:
			if err := w.ping(watch); err != nil {
				return err
			}
		}
	}
}

// ping asks both connections whether they still work. The one that reads would
// not notice its loss otherwise.
func (w *watcher) ping(watch *store.Watch) error {
	w.pulse.within(4 * w.times.IO)
	defer w.pulse.rest()
	return watch.Ping()
}

// hear tells whether the state may have changed.
func (w *watcher) hear(n store.News) bool {
	switch {
	case n.Order != nil:
		if found := w.cancel(n.Order.Cancel); found > 0 {
			w.log.Warn("a task is cancelled, as somebody has asked for", "cancel", n.Order.Cancel, "tasks", found)
		}
	case n.Malformed != nil:
		w.log.Warn("a message on the control channel cannot be read; {\"cancel\":\"ID\"} would be right",
			"channel", w.keys.Control(), "message", excerpt(string(n.Malformed)))
	}
	return n.Changed
}

// look reads the state, passes it on and moves what is due. It returns the time
// until the next entry is, 0 for never.
func (w *watcher) look(watch *store.Watch, pace *retry) (left time.Duration, err error) {
	w.pulse.within(4 * w.times.IO)
	state, err := watch.Look(w.types())
	if err != nil {
		return 0, err
	}
	if state.Paused != nil {
		w.paused(state.Paused)
	}
	moved, refused, err := w.moveDue(watch, state.Due)
	if err != nil {
		return 0, err
	}
	refused = errors.Join(state.Refused, refused)
	w.health.report(w, refused)
	switch {
	case watch.Stale():
		return 0, refused // where the master is now, the next connection finds out
	case moved > 0:
		// There may be more, and the change was ours: Redis tells us nothing of it.
		// But a million that are due must not hold up what else is heard.
		return time.Nanosecond, nil // what is refused was reported
	case refused != nil:
		return pace.next(), nil //nolint:nilerr // it was reported; the connection is well
	}
	pace.reset()
	return nearest(state.Due, w.times.Look), nil
}

// moveDue moves the entries of all types that are due, a batch of each. What Redis
// refuses for one type must not hold up the others.
func (w *watcher) moveDue(watch *store.Watch, due map[string]store.Wait) (moved int, refused, err error) {
	for _, taskType := range slices.Sorted(maps.Keys(due)) {
		if d := due[taskType]; !d.Any || d.Left > 0 {
			continue
		}
		w.pulse.within(4 * w.times.IO) // for each: Redis may be slow, and the types many
		n, err := watch.MoveDue(taskType)
		switch {
		case store.Refused(err):
			refused = errors.Join(refused, err)
		case err != nil:
			return moved, refused, err
		case n > 0:
			w.log.Debug("entries are due", output.KeyTaskType, taskType, "entries", n)
		}
		moved += n
	}
	return moved, refused, nil
}

// nearest is the time until the first entry of any type is due, at most most, or 0
// for never.
func nearest(due map[string]store.Wait, most time.Duration) (left time.Duration) {
	for _, d := range due {
		if d.Any && (left == 0 || d.Left < left) {
			left = max(d.Left, time.Millisecond)
		}
	}
	return min(left, most)
}
