package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// errStopped is returned by what a signal to stop has cut short.
var errStopped = errors.New("stopped")

// unlessStopped calls f, which may wait for a file system that does not answer. If a
// signal to stop comes first, it returns [errStopped], and the result of f is dropped.
func unlessStopped[T any](stop <-chan os.Signal, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-stop:
		var none T
		return none, errStopped
	}
}

// start connects to Redis and starts the pool. A signal to stop cuts it short; stopped
// is true then.
func (d *daemon) start(ctx context.Context) (stopped bool, err error) {
	c := d.config.Load()
	d.logNotifyError("status", d.notifier.Status("waiting for redis at "+taskqueue.Address(c)))
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	type started struct {
		pool *taskqueue.Pool
		err  error
	}
	done := make(chan started, 1)
	go func() {
		pool, err := taskqueue.Start(ctx, c, d.poolOptions())
		done <- started{pool, err}
	}()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		// start_timeout may be longer than the unit's TimeoutStartSec.
		d.logNotifyError("more time", d.notifier.ExtendTimeout(extension))
		select {
		case s := <-done:
			if s.err != nil && ctx.Err() != nil {
				s.err = fmt.Errorf("gave up after start_timeout (%v): %w", c.StartTimeout, s.err)
			}
			d.pool = s.pool
			return false, s.err
		case <-tick.C:
		case <-d.signals.reload:
			d.postponeReload()
		case <-d.signals.stop:
			cancel()
			if s := <-done; s.pool != nil {
				s.pool.Shutdown(0, 0, nil)
			}
			return true, nil
		}
	}
}

func (d *daemon) poolOptions() taskqueue.Options {
	return taskqueue.Options{
		Log: d.log, Counters: d.counters, Version: d.options.Version, Env: os.Environ(),
		Groups: d.groups.tree, Signals: d.signals.seen, Times: times(), StateDir: os.Getenv("STATE_DIRECTORY"),
	}
}
