package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

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
	config   *config.Config // owned by the loop of signals
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
	// reloads are those that somebody waits for; see control.go.
	reloads chan chan<- error
}

// daemon loads the configuration, starts everything and returns when a stop has
// been carried out.
func (a *app) daemon(ctx context.Context, hangups, stops <-chan os.Signal, signals *taskqueue.Signals) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	sink, err := output.Open(output.Options{Logfile: c.Logfile, Verbose: a.flags.verbose})
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	d := &daemon{app: a, signals: signals, config: c, sink: sink, log: sink.Logger(), notifier: systemd.NewNotifier(), reloads: make(chan chan<- error)}
	err = d.run(ctx, hangups, stops)
	if err != nil && c.Logfile != "" {
		d.log.Error("gordon ends", output.KeyError, err.Error())
	}
	return errors.Join(err, sink.Close())
}

// load reads the configuration that the flags name.
func (a *app) load() (*config.Config, error) {
	c, err := a.read(a.flags.conf)
	if err != nil {
		return nil, err
	}
	if a.flags.logfile != noLogfile {
		c.Logfile = absolute(a.flags.logfile, a.binDir)
	}
	return c, nil
}

// read reads file, or where it is "" the first of those that gordon looks for.
func (a *app) read(file string) (*config.Config, error) {
	path := config.Path(file, a.binDir)
	c, err := config.Load(path, a.binDir)
	var faults config.Faults
	if file == "" && path != config.SystemPath && errors.As(err, &faults) && faults[0].File == path && errors.Is(faults[0], fs.ErrNotExist) {
		faults[0].Message += "; nor is there " + config.SystemPath + ": name the configuration with --conf"
	}
	return c, err
}

func (d *daemon) run(ctx context.Context, hangups, stops <-chan os.Signal) error {
	for _, n := range d.config.Notices {
		d.log.Warn(n)
	}
	d.takeGroups()
	if err := d.enforceable(d.config); err != nil {
		return err
	}
	d.counters = stats.New(version, time.Now)
	d.counters.SetTypes(types(d.config))
	d.counters.ShowRedis(func() string { return "waiting" })
	d.server = stats.NewServer(d.counters, d.log)
	served, err := d.server.Prepare(statsOptions(d.config))
	if err != nil {
		return err
	}
	served.Commit()
	if addr := d.server.Addr(); addr != nil {
		d.log.Info("statistics are served", "address", addr.String())
	}
	commands, err := d.listen()
	if err != nil {
		return errors.Join(err, d.server.Close())
	}
	stopped, err := d.start(ctx, stops)
	if err != nil || stopped {
		return errors.Join(err, d.server.Close(), commands.Close())
	}
	d.counters.ShowRedis(d.pool.Redis)

	// All that runs beside the pool, in one place. It ends after the pool has.
	beside, cancel := context.WithCancel(ctx)
	group, beside := errgroup.WithContext(beside)
	group.Go(func() error { return d.server.Run(beside) })
	group.Go(func() error { return commands.Run(beside) })
	group.Go(func() error { return d.watchdog().Run(beside) })
	group.Go(func() error { return d.tellStatus(beside) })
	d.say("ready", d.notifier.Ready(d.pool.Status()))
	d.log.Info("gordon is up", "version", version, "types", len(d.config.Tasks), "config", d.config.Path, output.KeyMessageID, output.MsgStarted)

	d.serve(hangups, stops)
	d.stop(stops)
	cancel()
	return group.Wait()
}

// start connects to Redis and starts the pool. It is cut short by a signal to
// stop; stopped is true then.
func (d *daemon) start(ctx context.Context, stops <-chan os.Signal) (stopped bool, err error) {
	d.say("status", d.notifier.Status("waiting for redis at "+taskqueue.Address(d.config)))
	ctx, cancel := context.WithTimeout(ctx, d.config.StartTimeout)
	defer cancel()
	type started struct {
		pool *taskqueue.Pool
		err  error
	}
	done := make(chan started, 1)
	go func() {
		pool, err := taskqueue.Start(ctx, d.config, taskqueue.Options{
			Log: d.log, Counters: d.counters, Version: version, Env: os.Environ(), Groups: d.groups, Signals: d.signals,
			Times: times(),
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
				s.err = fmt.Errorf("gave up after start_timeout (%v): %w", d.config.StartTimeout, s.err)
			}
			d.pool = s.pool
			return false, s.err
		case <-tick.C:
		case <-stops:
			cancel()
			if s := <-done; s.pool != nil {
				s.pool.Shutdown(0, 0, nil)
			}
			return true, nil
		}
	}
}

// serve handles signals until one says stop.
func (d *daemon) serve(hangups, stops <-chan os.Signal) {
	for {
		select {
		case <-stops:
			return
		case <-hangups:
			if stopped, _ := d.reloadUnless(stops); stopped {
				return
			}
		case answer := <-d.reloads:
			stopped, err := d.reloadUnless(stops)
			answer <- err
			if stopped {
				return
			}
		}
	}
}

// reloadUnless reloads, which may take as long as Redis is waited for; a signal
// to stop cuts it short, and is returned as such.
func (d *daemon) reloadUnless(stops <-chan os.Signal) (stopped bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.reload(ctx) }()
	select {
	case err := <-done:
		return false, err
	case <-stops:
		cancel()
		return true, <-done
	}
}

// stop ends the pool; each further signal hastens it.
func (d *daemon) stop(stops <-chan os.Signal) {
	d.log.Info("stopping, nothing new is taken", "running", d.counters.Snapshot().Running,
		"shutdown_timeout", d.config.ShutdownTimeout.String(), output.KeyMessageID, output.MsgStopping)
	d.say("stopping", d.notifier.Stopping(d.pool.Status()))
	hasten := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.pool.Shutdown(d.config.ShutdownTimeout, d.config.KillGrace, hasten)
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
		case <-stops:
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
