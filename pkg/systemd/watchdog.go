package systemd

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// WatchdogInterval returns how long the service manager waits for a sign of
// life before it kills this process (WatchdogSec= of the unit, $WATCHDOG_USEC).
// It is 0 where no watchdog is set, or where it is set for another process
// ($WATCHDOG_PID) or to what is no number; see sd_watchdog_enabled(3).
func WatchdogInterval() time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval
}

// Watchdog feeds the manager's watchdog as long as the daemon moves.
type Watchdog struct {
	Interval time.Duration // of the manager; 0 turns the watchdog off
	Notifier *Notifier
	// Alive proves that every loop of the daemon moves, or returns an error that
	// names the one that does not. It has to return when ctx is done.
	Alive func(ctx context.Context) error
	Log   *slog.Logger
}

// Run asks Alive again and again until ctx is done, and then returns nil.
//
// It asks every quarter of the interval and grants it half of one, so that the
// manager hears from a slow but living daemon after three quarters at the
// latest. An episode of not being alive is logged when it begins and when it
// ends; there is nothing else to do about it here, the manager acts.
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

// check asks once. It takes and returns the begin of the episode, zero when all
// is well.
func (w *Watchdog) check(ctx context.Context, stuckSince time.Time) time.Time {
	begin := time.Now()
	asked, cancel := context.WithTimeout(ctx, w.Interval/2)
	defer cancel()
	err := w.Alive(asked)
	if ctx.Err() != nil {
		return stuckSince // the daemon ends; a late answer means nothing
	}
	if err != nil {
		if !stuckSince.IsZero() {
			return stuckSince
		}
		w.Log.Error("the daemon is stuck; the service manager will restart it unless it recovers", "error", err)
		return begin
	}
	if !stuckSince.IsZero() {
		w.Log.Warn("the daemon has recovered", "duration", time.Since(stuckSince))
	}
	if err := w.Notifier.Alive(); err != nil {
		w.Log.Error("notifying the watchdog failed", "error", err)
	}
	return time.Time{}
}
