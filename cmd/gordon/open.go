package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/systemd"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// open loads the configuration and opens the log.
func (a *app) open(hangups, stops <-chan os.Signal, signals *taskqueue.Signals) (*daemon, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	sink, err := output.Open(output.Options{Logfile: c.Logfile, Verbose: a.flags.verbose})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	d := &daemon{
		app: a, signals: signals, sink: sink, log: sink.Logger(), notifier: systemd.NewNotifier(),
		hangups: hangups, stops: stops, reloads: make(chan reloadRequest), files: files.NewCalls(maxReading), turn: make(chan struct{}, 1),
	}
	d.config.Store(c)
	return d, nil
}

// errStopped is for what a signal to stop has cut short.
var errStopped = errors.New("stopped")

// unlessStopped calls f, which may wait for a file system that does not answer. If a
// signal to stop comes first, it returns [errStopped], and f goes on without effect.
func unlessStopped[T any](stops <-chan os.Signal, f func() (T, error)) (T, error) {
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
	case <-stops:
		var none T
		return none, errStopped
	}
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
