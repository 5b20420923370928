package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/systemd"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// daemon is everything that lives as long as the process does.
type daemon struct {
	app      *app
	signals  *taskqueue.Signals
	config   atomic.Pointer[config.Config] // the one that counts
	sink     *output.Sink
	log      *slog.Logger
	notifier *systemd.Notifier
	counters *stats.Counters
	server   *stats.Server
	pool     *taskqueue.Pool
	// groups is where the control groups of tasks are made; nil, with the reason
	// in noGroups, where there are none.
	groups   *cgroup.Tree
	noGroups error
	commands *commands
	// hangups and stops are the signals to reload and to stop. missed says that one to
	// reload came while something else was under way.
	hangups, stops <-chan os.Signal
	missed         bool
	// reloads are those that somebody waits for; see control.go.
	reloads chan reloadRequest
	// turn has a value while a configuration is prepared: the address of the statistics
	// can be bound once.
	turn chan struct{}
	// files bounds the reloads that wait for a file system that does not answer.
	files files.Calls
}

// daemon loads the configuration, starts everything and returns when a stop has
// been carried out.
func (a *app) daemon(ctx context.Context, hangups, stops <-chan os.Signal, signals *taskqueue.Signals) error {
	d, err := unlessStopped(stops, func() (*daemon, error) { return a.open(hangups, stops, signals) })
	if errors.Is(err, errStopped) {
		return nil
	}
	if err != nil {
		return err
	}
	logfile := d.sink.Logfile()
	err = d.run(ctx)
	if err != nil && logfile != "" {
		d.log.Error("gordon ends", output.KeyError, err.Error())
	}
	return errors.Join(err, d.sink.Close())
}

func (d *daemon) run(ctx context.Context) error {
	c := d.config.Load()
	for _, n := range c.Notices {
		d.log.Warn(n)
	}
	d.takeGroups()
	if err := d.enforceable(c); err != nil {
		return err
	}
	d.counters = stats.New(version, time.Now)
	d.counters.SetTypes(types(c))
	d.counters.ShowRedis(func() string { return "waiting" })
	d.server = stats.NewServer(d.counters, d.log)
	served, err := unlessStopped(d.stops, func() (*stats.Change, error) { return d.server.Prepare(statsOptions(c)) })
	if errors.Is(err, errStopped) {
		return nil
	}
	if err != nil {
		return err
	}
	served.Commit()
	if addr := d.server.Addr(); addr != nil {
		d.log.Info("statistics are served", "address", addr.String())
	}
	if d.commands, err = d.listen(); err != nil {
		return errors.Join(err, d.server.Close())
	}
	stopped, err := d.start(ctx)
	if err != nil || stopped {
		return errors.Join(err, d.server.Close(), d.commands.Close())
	}
	d.counters.ShowRedis(d.pool.Redis)

	// All that runs beside the pool, in one place. It ends after the pool has.
	beside, cancel := context.WithCancel(ctx)
	group, beside := errgroup.WithContext(beside)
	group.Go(func() error { return d.server.Run(beside) })
	group.Go(func() error { return d.commands.Run(beside) })
	group.Go(func() error { return d.watchdog().Run(beside) })
	group.Go(func() error { return d.tellStatus(beside) })
	d.say("ready", d.notifier.Ready(d.pool.Status()))
	d.log.Info("gordon is up", "version", version, "types", len(c.Tasks), "config", c.Path, output.KeyMessageID, output.MsgStarted)

	d.serve()
	d.stop()
	cancel()
	return group.Wait()
}

// start connects to Redis and starts the pool. It is cut short by a signal to
// stop; stopped is true then.
func (d *daemon) start(ctx context.Context) (stopped bool, err error) {
	c := d.config.Load()
	d.say("status", d.notifier.Status("waiting for redis at "+taskqueue.Address(c)))
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	type started struct {
		pool *taskqueue.Pool
		err  error
	}
	done := make(chan started, 1)
	go func() {
		pool, err := taskqueue.Start(ctx, c, taskqueue.Options{
			Log: d.log, Counters: d.counters, Version: version, Env: os.Environ(), Groups: d.groups, Signals: d.signals,
			Times:    times(),
			StateDir: os.Getenv("STATE_DIRECTORY"),
		})
		done <- started{pool, err}
	}()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		// start_timeout may be longer than the unit's TimeoutStartSec.
		d.say("more time", d.notifier.ExtendTimeout(extension))
		select {
		case s := <-done:
			if s.err != nil && ctx.Err() != nil {
				s.err = fmt.Errorf("gave up after start_timeout (%v): %w", c.StartTimeout, s.err)
			}
			d.pool = s.pool
			return false, s.err
		case <-tick.C:
		case <-d.hangups:
			d.miss()
		case <-d.stops:
			cancel()
			if s := <-done; s.pool != nil {
				s.pool.Shutdown(0, 0, nil)
			}
			return true, nil
		}
	}
}

// serve handles signals until one says stop.
func (d *daemon) serve() {
	for stopped := false; !stopped; {
		if d.missed {
			d.missed = false
			stopped = d.reload(unasked())
			continue
		}
		select {
		case <-d.stops:
			return
		case <-d.hangups:
			stopped = d.reload(unasked())
		case r := <-d.reloads:
			stopped = d.reload(r)
		}
	}
}

// stop ends the pool; each further signal hastens it.
func (d *daemon) stop() {
	c := d.config.Load()
	d.log.Info("stopping, nothing new is taken", "running", d.counters.Snapshot().Running,
		"shutdown_timeout", c.ShutdownTimeout.String(), output.KeyMessageID, output.MsgStopping)
	d.say("stopping", d.notifier.Stopping(d.pool.Status()))
	hasten := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.pool.Shutdown(c.ShutdownTimeout, c.KillGrace, hasten)
	}()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		d.say("more time", d.notifier.ExtendTimeout(extension))
		select {
		case <-ended:
			d.log.Info("stopped")
			return
		case <-tick.C:
		case <-d.hangups:
			d.miss()
		case <-d.stops:
			d.log.Warn("told to stop again: hastening")
			select {
			case hasten <- struct{}{}:
			case <-ended:
			}
		}
	}
}

const (
	// statusEvery is how often the status is looked at; systemd hears of it
	// only when it has changed.
	statusEvery = time.Second
	// extension is what each EXTEND_TIMEOUT_USEC asks for: enough for a few
	// missed ones on a machine that is busy shutting down.
	extension = 10 * time.Second
)

// tellStatus keeps systemd's STATUS= live.
func (d *daemon) tellStatus(ctx context.Context) error {
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
			d.say("status", d.notifier.Status(d.pool.Status()))
		}
	}
}

func (d *daemon) watchdog() *systemd.Watchdog {
	return &systemd.Watchdog{Interval: systemd.WatchdogInterval(), Notifier: d.notifier, Alive: d.pool.Alive, Log: d.log}
}

// say logs that systemd could not be told something; there is nothing else to
// do about it.
func (d *daemon) say(what string, err error) {
	if err != nil {
		d.log.Debug("systemd could not be told", "what", what, output.KeyError, err.Error())
	}
}

func types(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Tasks)) }

func statsOptions(c *config.Config) stats.Options {
	return stats.Options{
		Interface: c.Stats.Interface, Pattern: c.Stats.Pattern,
		TLSCertFile: c.Stats.TLSCertFile, TLSKeyFile: c.Stats.TLSKeyFile,
	}
}
