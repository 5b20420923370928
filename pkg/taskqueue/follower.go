package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// deafPause is how long to wait when no sentinel could be listened to. Connections
// are still led by those that answer, and an old master still says so in the end.
const deafPause = 2 * time.Second

// follower listens to the sentinels, one at a time, so that a failover is followed
// when it happens and not when the old master hears of it.
type follower struct {
	client *store.Client
	log    *slog.Logger
	times  Times
	pulse  loop.Pulse
	// master is the last one that was told of, "" before.
	master string
	deaf   bool
	pace   loop.Pacer
}

// Run listens until ctx ends.
func (f *follower) Run(ctx context.Context) error {
	defer f.pulse.Rest()
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

// listen listens to one sentinel until that fails, and tells whether it was heard
// at all.
func (f *follower) listen(ctx context.Context, sentinel string) (heard bool, err error) {
	f.pulse.Within(8 * f.times.IO)
	w, err := f.client.WatchSentinel(ctx, sentinel, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if f.deaf {
		f.deaf = false
		f.log.Info("the sentinels are heard again", "address", f.client.String())
	}
	for {
		f.note(w.Master())
		f.pulse.Within(f.times.Ping + 4*f.times.IO)
		if err := w.Next(ctx); err != nil {
			return true, err
		}
		f.pace.Reset()
	}
}

// note logs that another server is the master.
func (f *follower) note(master string) {
	if f.master != "" && f.master != master {
		f.log.Info("the sentinels name another master", "from", f.master, "to", master)
	}
	f.master = master
}

// cannotHear logs, once, that failovers will be noticed late, and waits a little.
func (f *follower) cannotHear(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if !f.deaf {
		f.deaf = true
		f.log.Warn("no sentinel can be listened to, trying again; a failover may be noticed late", "address", f.client.String(), output.KeyError, err.Error())
	}
	f.pulse.Within(deafPause)
	select {
	case <-time.After(deafPause):
	case <-ctx.Done():
	}
}
