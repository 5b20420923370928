package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/systemd"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// ErrConfig is wrapped by faults of the configuration that are found outside of
// [config.Load], such as a logfile that cannot be opened.
var ErrConfig = errors.New("configuration is invalid")

// Options are the decisions of the command line.
type Options struct {
	// Load reads the configuration: at the start, at each reload, and for each check.
	Load func() (*config.Config, error)
	// Verbose logs the start and the end of each task as well.
	Verbose bool
	// Version is the version of this gordon.
	Version string
	// ExitCode returns the exit status of a command that failed with this error. The
	// control API passes it on to the command that made the request.
	ExitCode func(error) int
}

// daemon is the state that lives as long as the process.
type daemon struct {
	// set before anything runs
	options  Options
	signals  *signals
	sink     *output.Sink
	log      *slog.Logger
	notifier *systemd.Notifier
	groups   *groups
	counters *stats.Counters
	stats    *stats.Server
	control  controlServer
	planner  *task.Planner
	pool     *taskqueue.Pool

	config atomic.Pointer[config.Config] // the configuration in use
	// missedReload is set when a signal to reload came while the daemon was busy. It
	// belongs to the loop of signals.
	missedReload bool
	// reloads are requests of the control API; see api.go.
	reloads chan reloadRequest
	// preparing holds a value while a configuration is prepared or checked: the address
	// of the statistics can be bound only once.
	preparing chan struct{}
	// reloading is set while a prepared configuration replaces the one in use.
	reloading atomic.Bool
	// files bounds the reloads that wait for a file system that does not answer.
	files files.Calls
}

// Run is the daemon. It loads the configuration, starts everything, and returns when
// a stop has been carried out. The error is [config.Faults] or wraps [ErrConfig] if the
// configuration is at fault, and wraps [taskqueue.ErrRedis] if Redis was not reachable.
func Run(ctx context.Context, o Options) error {
	signals := newSignals()
	defer signals.close()
	d, err := unlessStopped(signals.stop, func() (*daemon, error) { return open(o, signals) })
	if errors.Is(err, errStopped) {
		return nil
	}
	if err != nil {
		return err
	}
	logfile := d.sink.Logfile()
	err = d.run(ctx)
	if err != nil && logfile != "" {
		d.log.Error("exiting", output.KeyError, err.Error())
	}
	return errors.Join(err, d.sink.Close())
}

// open loads the configuration and opens the log.
func open(o Options, signals *signals) (*daemon, error) {
	c, err := o.Load()
	if err != nil {
		return nil, err
	}
	sink, err := output.Open(output.Options{Logfile: c.Logfile, Verbose: o.Verbose})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	d := &daemon{
		options: o, signals: signals, sink: sink, log: sink.Logger(), notifier: systemd.NewNotifier(),
		counters: stats.New(o.Version, time.Now),
		reloads:  make(chan reloadRequest), files: files.NewCalls(maxReading), preparing: make(chan struct{}, 1),
	}
	d.stats = stats.NewServer(d.counters, d.log)
	d.config.Store(c)
	return d, nil
}

func (d *daemon) run(ctx context.Context) error {
	c := d.config.Load()
	for _, n := range c.Notices {
		d.log.Warn(n)
	}
	d.groups = openGroups(d.log)
	if err := d.groups.enforceable(c); err != nil {
		return err
	}
	stopped, err := d.listen(c)
	if err != nil || stopped {
		return err
	}
	stopped, err = d.start(ctx)
	if err != nil || stopped {
		return errors.Join(err, d.stats.Close(), d.control.Close())
	}
	d.counters.ShowRedis(d.pool.Redis)

	// Everything that runs beside the pool. It ends after the pool has ended.
	beside, cancel := context.WithCancel(ctx)
	group, beside := errgroup.WithContext(beside)
	group.Go(func() error { return d.stats.Run(beside) })
	group.Go(func() error { return d.control.Run(beside) })
	group.Go(func() error { return d.watchdog().Run(beside) })
	group.Go(func() error { return d.updateStatus(beside) })
	d.logNotifyError("ready", d.notifier.Ready(d.status()))
	d.log.Info("gordon is up", "version", d.options.Version, "types", len(c.Tasks), "config", c.Path, output.KeyMessageID, output.MsgStarted)

	d.handleSignals()
	d.stop()
	cancel()
	return group.Wait()
}

// listen opens the stats interface and the control socket. stopped is true if a signal
// to stop came first.
func (d *daemon) listen(c *config.Config) (stopped bool, err error) {
	d.counters.SetTypes(types(c))
	d.counters.ShowRedis(func() string { return "waiting" })
	change, err := unlessStopped(d.signals.stop, func() (*stats.Change, error) { return d.stats.Prepare(statsOptions(c)) })
	if errors.Is(err, errStopped) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	change.Commit()
	if addr := d.stats.Addr(); addr != nil {
		d.log.Info("stats interface is listening", "address", addr.String())
	}
	if d.control, err = d.listenControl(); err != nil {
		return false, errors.Join(err, d.stats.Close())
	}
	return false, nil
}

func types(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Tasks)) }

func statsOptions(c *config.Config) stats.Options {
	return stats.Options{
		Interface: c.Stats.Interface, Pattern: c.Stats.Pattern,
		TLSCertFile: c.Stats.TLSCertFile, TLSKeyFile: c.Stats.TLSKeyFile,
	}
}
