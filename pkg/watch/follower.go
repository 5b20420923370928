package watch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// deafPause is the pause after no sentinel accepted a subscription. New connections
// still ask all sentinels, and an old master refuses commands in the end.
const deafPause = 2 * time.Second

// Follower is the actor that subscribes to the sentinels, one at a time, so that a
// failover is followed when it happens and not when the old master learns of it.
type Follower struct {
	client *store.Client
	log    *slog.Logger
	times  store.Times
	busy   store.Busy
	// master is the last one that a sentinel named, "" before.
	master string
	deaf   bool
	pace   loop.Pacer
}

// NewFollower returns a follower for a client that knows sentinels.
func NewFollower(client *store.Client, log *slog.Logger, t store.Times) *Follower {
	return &Follower{client: client, log: log, times: t}
}

// Hangs returns an error if the follower does not move.
func (f *Follower) Hangs() error { return loop.Hangs("the follower of the sentinels", f.busy.Until()) }

// Run listens until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var faults []error
		for _, sentinel := range f.client.Sentinels() {
			heard, err := f.listen(ctx, sentinel)
			if heard {
				faults = nil
				f.pace.Wait(ctx)
				break // from the first one on
			}
			faults = append(faults, err)
		}
		if len(faults) > 0 {
			f.cannotHear(ctx, errors.Join(faults...))
		}
	}
	return nil
}

// listen listens to one sentinel until that fails, and reports whether the subscription
// succeeded.
func (f *Follower) listen(ctx context.Context, sentinel string) (heard bool, err error) {
	w, err := f.client.WatchSentinel(ctx, sentinel, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if f.deaf {
		f.deaf = false
		f.log.Info("reconnected to a sentinel", "address", f.client.String())
	}
	for {
		f.note(w.Master())
		if err := w.Next(ctx); err != nil {
			return true, err
		}
		f.pace.Reset()
	}
}

// note logs that another server is the master.
func (f *Follower) note(master string) {
	if f.master != "" && f.master != master {
		f.log.Info("the sentinels report a new master", "from", f.master, "to", master)
	}
	f.master = master
}

// cannotHear logs, once, that failovers may be noticed late, and waits a little.
func (f *Follower) cannotHear(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if !f.deaf {
		f.deaf = true
		f.log.Warn("no sentinel is reachable, retrying; a failover may be noticed late", "address", f.client.String(), output.KeyError, err.Error())
	}
	select {
	case <-time.After(deafPause):
	case <-ctx.Done():
	}
}
