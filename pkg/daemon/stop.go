package daemon

import (
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
)

// handleSignals carries out reloads until a signal to stop comes.
func (d *daemon) handleSignals() {
	for stopped := false; !stopped; {
		if d.missedReload {
			d.missedReload = false
			stopped = d.reload(unasked())
			continue
		}
		select {
		case <-d.signals.stop:
			return
		case <-d.signals.reload:
			stopped = d.reload(unasked())
		case r := <-d.reloads:
			stopped = d.reload(r)
		}
	}
}

// stop ends the pool. Each further signal to stop makes it stop faster.
func (d *daemon) stop() {
	c := d.config.Load()
	d.log.Info("stopping: no new entries are taken", "running", d.counters.Snapshot().Running,
		"shutdown_timeout", c.ShutdownTimeout.String(), output.KeyMessageID, output.MsgStopping)
	d.logNotifyError("stopping", d.notifier.Stopping(d.status()))
	faster := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.pool.Shutdown(c.ShutdownTimeout, c.KillGrace, faster)
	}()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		d.logNotifyError("extend timeout", d.notifier.ExtendTimeout(extension))
		select {
		case <-done:
			d.closePlanner()
			d.log.Info("stopped")
			return
		case <-tick.C:
		case <-d.signals.reload:
			d.postponeReload()
		case <-d.signals.stop:
			d.log.Warn("second stop signal: stopping faster")
			select {
			case faster <- struct{}{}:
			case <-done:
			}
		}
	}
}
