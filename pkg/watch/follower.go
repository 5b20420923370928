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

// retryPause is the pause after no sentinel accepted a subscription. Meanwhile each new
// connection still asks all sentinels, and an old master refuses commands in the end.
const retryPause = 2 * time.Second

// Follower is the actor that subscribes to the sentinels, one at a time, so that a
// failover is followed when it happens, not when the old master is informed of it.
type Follower struct {
	client *store.Client
	log    *slog.Logger
	times  store.Times
	busy   store.Busy
	// master is the last one that a sentinel reported, or "".
	master string
	// lost is set while no sentinel accepts a subscription.
	lost bool
	pace loop.Pacer
}

// NewFollower returns a follower for a client that has sentinels.
func NewFollower(client *store.Client, log *slog.Logger, t store.Times) *Follower {
	return &Follower{client: client, log: log, times: t}
}

// Hangs returns an error if the follower makes no progress.
func (f *Follower) Hangs() error { return loop.Hangs("the follower of the sentinels", f.busy.Until()) }

// Run follows the sentinels until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var faults []error
		for _, sentinel := range f.client.Sentinels() {
			subscribed, err := f.listen(ctx, sentinel)
			if subscribed {
				faults = nil
				f.pace.Wait(ctx)
				break // begin with the first sentinel again
			}
			faults = append(faults, err)
		}
		if len(faults) > 0 {
			f.logLost(ctx, errors.Join(faults...))
		}
	}
	return nil
}

// listen receives from one sentinel until the connection fails. It reports whether the
// subscription succeeded.
func (f *Follower) listen(ctx context.Context, sentinel string) (subscribed bool, err error) {
	w, err := f.client.WatchSentinel(ctx, sentinel, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if f.lost {
		f.lost = false
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

// note logs a new master.
func (f *Follower) note(master string) {
	if f.master != "" && f.master != master {
		f.log.Info("the sentinels report a new master", "from", f.master, "to", master)
	}
	f.master = master
}

// logLost logs once that failovers may be noticed late, and waits for retryPause.
func (f *Follower) logLost(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if !f.lost {
		f.lost = true
		f.log.Warn("no sentinel is reachable, retrying; a failover may be noticed late", "address", f.client.String(), output.KeyError, err.Error())
	}
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
	}
}
