package systemd

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// WatchdogInterval returns how long the service manager waits for a notification before
// it kills this process (WatchdogSec= of the unit, $WATCHDOG_USEC). It is 0 if there is
// no watchdog, if the watchdog is for another process ($WATCHDOG_PID), or if the value
// is not a number; see sd_watchdog_enabled(3).
func WatchdogInterval() time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval
}

// Watchdog notifies the manager's watchdog while the daemon is alive.
type Watchdog struct {
	Interval time.Duration // of the manager; 0 turns the watchdog off
	Notifier *Notifier
	// Alive returns nil if every loop of the daemon runs, or an error that names the one
	// that is stuck. It has to return when ctx is done.
	Alive func(ctx context.Context) error
	Log   *slog.Logger
}

// Run calls Alive periodically until ctx is done, and then returns nil.
//
// It calls Alive every quarter of the interval and gives it half of one, so that a slow
// but living daemon notifies the manager after three quarters at the latest. Run logs
// when the daemon gets stuck and when it recovers. The manager does the rest.
func (w *Watchdog) Run(ctx context.Context) error {
	if w.Interval <= 0 {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(max(w.Interval/4, time.Millisecond))
	defer ticker.Stop()
	var stuckSince time.Time
	for {
		stuckSince = w.check(ctx, stuckSince)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// check calls Alive once. It takes and returns the time at which the daemon got stuck,
// or zero if it is not stuck.
func (w *Watchdog) check(ctx context.Context, stuckSince time.Time) time.Time {
	begin := time.Now()
	asked, cancel := context.WithTimeout(ctx, w.Interval/2)
	defer cancel()
	err := w.Alive(asked)
	if ctx.Err() != nil {
		return stuckSince // the daemon exits, and Alive may be late
	}
	if err != nil {
		if !stuckSince.IsZero() {
			return stuckSince
		}
		w.Log.Error("watchdog: the daemon makes no progress; systemd restarts it unless it recovers", "error", err)
		return begin
	}
	if !stuckSince.IsZero() {
		w.Log.Warn("watchdog: the daemon makes progress again", "duration", time.Since(stuckSince))
	}
	if err := w.Notifier.Alive(); err != nil {
		w.Log.Error("notifying the watchdog failed", "error", err)
	}
	return time.Time{}
}
