package daemon

import (
	"context"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/systemd"
)

const (
	// statusEvery is how often the status is computed. It is sent to systemd only when
	// it has changed.
	statusEvery = time.Second
	// extension is the time that each EXTEND_TIMEOUT_USEC asks for. It is much longer
	// than statusEvery, because a machine that shuts down is busy.
	extension = 10 * time.Second
)

// updateStatus keeps systemd's STATUS= up to date until ctx ends.
func (d *daemon) updateStatus(ctx context.Context) error {
	if !d.notifier.Enabled() {
		return nil
	}
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.logNotifyError("status", d.notifier.Status(d.status()))
		}
	}
}

func (d *daemon) watchdog() *systemd.Watchdog {
	return &systemd.Watchdog{Interval: systemd.WatchdogInterval(), Notifier: d.notifier, Alive: d.pool.Alive, Log: d.log}
}

// logNotifyError logs the error of notifying systemd, if there is one. The daemon can do
// nothing else about it.
func (d *daemon) logNotifyError(what string, err error) {
	if err != nil {
		d.log.Debug("notifying systemd failed", "what", what, output.KeyError, err.Error())
	}
}
