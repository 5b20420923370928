package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// reloadRequest is a reload whose caller waits for the answer until ctx ends. answer
// has room for one value.
type reloadRequest struct {
	ctx    context.Context
	answer chan error
}

// unasked returns a reload without a caller that waits.
func unasked() reloadRequest {
	return reloadRequest{ctx: context.Background(), answer: make(chan error, 1)}
}

// abandonTimeout is how long a stop waits for a reload that it has cut short.
const abandonTimeout = 3 * time.Second

// reload replaces the configuration, or logs every reason why it did not. It notifies
// the service manager of the end of the reload in both cases, because the manager
// would wait for ever otherwise. Meanwhile it asks for more time: the manager must not
// give up a reload that then takes effect.
//
// A signal to stop cuts the reload short, and so does the end of the request.
func (d *daemon) reload(r reloadRequest) (stopped bool) {
	d.logNotifyError("reloading", d.notifier.Reloading())
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- d.replaceConfig(ctx) }()
	err := d.awaitReload(done)
	if errors.Is(err, errStopped) {
		cancel(taskqueue.ErrStopping)
		// At once, because the process that waits may be about to be stopped as well.
		r.answer <- taskqueue.ErrStopping
		stopped, err = true, abandonReload(done)
	}
	if err != nil {
		d.log.Error("reload failed; the previous configuration stays in effect", output.KeyError, err.Error(), output.KeyMessageID, output.MsgReloadRefused)
	} else {
		c := d.config.Load()
		d.log.Info("reloaded", "types", len(c.Tasks), "config", c.Path, output.KeyMessageID, output.MsgReloaded)
	}
	d.logNotifyError("ready", d.notifier.Ready(d.status()))
	if !stopped {
		r.answer <- err
	}
	return stopped
}

// awaitReload waits for the end of a reload, or returns [errStopped].
func (d *daemon) awaitReload(done <-chan error) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-d.signals.stop:
			return errStopped
		case <-d.signals.reload:
			d.postponeReload()
		case <-tick.C:
			d.logNotifyError("extend timeout", d.notifier.ExtendTimeout(extension))
		}
	}
}

// postponeReload notes a signal to reload that came while the daemon was busy. It
// reopens the log at once: after a rotation, the log goes to the old file until then.
func (d *daemon) postponeReload() {
	d.missedReload = true
	go d.reopen(context.Background())
}

// abandonReload waits up to abandonTimeout for a reload that was cut short. A reload
// that goes on after that has no effect: the pool refuses it once it drains.
func abandonReload(done <-chan error) error {
	timer := time.NewTimer(abandonTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return taskqueue.ErrStopping
	}
}
