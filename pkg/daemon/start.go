package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// errStopped is returned by a function that a signal to stop has cut short.
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

// startResult is a pool that has started, or the error that prevented it.
type startResult struct {
	pool *taskqueue.Pool
	err  error
}

// start connects to Redis and starts the pool. A signal to stop cuts it short; stopped
// is true then.
func (d *daemon) start(ctx context.Context) (stopped bool, err error) {
	c := d.config.Load()
	d.planner, err = task.NewPlanner(task.Options{
		Log: d.log, Counters: d.counters, Env: os.Environ(), Groups: d.groups.tree, Signals: d.signals.seen,
	})
	if err != nil {
		return false, err
	}
	d.logNotifyError("status", d.notifier.Status("waiting for redis at "+target(c).String()))
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	done := make(chan startResult, 1)
	go func() {
		pool, err := d.startPool(ctx, c)
		done <- startResult{pool, err}
	}()
	result, stopped := d.awaitStart(done, cancel)
	if !stopped && result.err != nil && ctx.Err() != nil {
		result.err = fmt.Errorf("redis was not available within start_timeout (%v): %w", c.StartTimeout, result.err)
	}
	if d.pool = result.pool; d.pool == nil {
		d.planner.Close()
	} else if stopped {
		d.pool.Shutdown(0, 0, nil)
		d.closePlanner()
	}
	if stopped {
		return true, nil
	}
	return false, result.err
}

// awaitStart waits for the end of a start. A signal to stop cancels the start; stopped is
// true then.
func (d *daemon) awaitStart(done <-chan startResult, cancel func()) (result startResult, stopped bool) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		// start_timeout may be longer than the unit's TimeoutStartSec.
		d.logNotifyError("extend timeout", d.notifier.ExtendTimeout(extension))
		select {
		case result = <-done:
			return result, false
		case <-tick.C:
		case <-d.signals.reload:
			d.postponeReload()
		case <-d.signals.stop:
			cancel()
			return <-done, true
		}
	}
}

func (d *daemon) startPool(ctx context.Context, c *config.Config) (*taskqueue.Pool, error) {
	plans, err := d.planner.Plan(ctx, c)
	if err != nil {
		return nil, err
	}
	return taskqueue.Start(ctx, poolConfig(c, plans), taskqueue.Options{
		Log: d.log, Version: d.options.Version, Times: times(), StateDir: os.Getenv("STATE_DIRECTORY"),
	})
}
