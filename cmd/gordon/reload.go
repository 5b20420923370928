package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// reloadRequest is a reload that somebody waits for until ctx ends. answer has room
// for one value.
type reloadRequest struct {
	ctx    context.Context
	answer chan error
}

// unasked is a reload that nobody waits for.
func unasked() reloadRequest {
	return reloadRequest{ctx: context.Background(), answer: make(chan error, 1)}
}

const (
	// prepareTimeout bounds what a reload does with files and addresses of this
	// machine; start_timeout bounds the rest.
	prepareTimeout = 10 * time.Second
	// abandonTimeout is how long a stop waits for a reload that it has cut short.
	abandonTimeout = 3 * time.Second
	// maxReading is how many reloads may wait for a file system that does not
	// answer: one that no longer names it has to be possible.
	maxReading = 8
)

// reload replaces the configuration, or logs every reason why it did not. The
// service manager is told that the reload is over in both cases: it would wait
// for ever otherwise. It is asked for more time meanwhile, so that it does not give
// up a reload that then takes effect all the same.
//
// A signal to stop cuts the reload short, and so does the end of the request.
func (d *daemon) reload(r reloadRequest) (stopped bool) {
	d.say("reloading", d.notifier.Reloading())
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- d.replaceConfig(ctx) }()
	err := d.await(done)
	if errors.Is(err, errStopped) {
		cancel(taskqueue.ErrStopping)
		r.answer <- taskqueue.ErrStopping // who waits may be about to be stopped as well
		stopped, err = true, d.abandon(done)
	}
	if err != nil {
		d.log.Error("the reload is refused, the old configuration goes on", output.KeyError, err.Error(), output.KeyMessageID, output.MsgReloadRefused)
	} else {
		c := d.config.Load()
		d.log.Info("reloaded", "types", len(c.Tasks), "config", c.Path, output.KeyMessageID, output.MsgReloaded)
	}
	d.say("ready", d.notifier.Ready(d.pool.Status()))
	if !stopped {
		r.answer <- err
	}
	return stopped
}

// await waits for the end of a reload, or returns [errStopped].
func (d *daemon) await(done <-chan error) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-d.stops:
			return errStopped
		case <-d.hangups:
			d.miss()
		case <-tick.C:
			d.say("more time", d.notifier.ExtendTimeout(extension))
		}
	}
}

// miss puts off a reload, but not what cannot wait: a log that was rotated is written
// to the old file until it is opened anew.
func (d *daemon) miss() {
	d.missed = true
	go d.reopen(context.Background())
}

// abandon waits a little for a reload that was cut short. Without its end it can
// still not take effect: the pool refuses it once it drains.
func (d *daemon) abandon(done <-chan error) error {
	timer := time.NewTimer(abandonTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return taskqueue.ErrStopping
	}
}

// replaceConfig is all or nothing: everything that can fail is prepared first,
// and nothing that was prepared takes effect before all of it is. Only the logfile
// and the control socket that are in use are opened anew whatever comes of it: a log
// that was rotated must not go to the old file until somebody mends a configuration.
func (d *daemon) replaceConfig(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return because(ctx, ctx.Err())
	}
	d.reopen(ctx)
	p, err := d.prepare(ctx)
	if err != nil {
		return because(ctx, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.config.StartTimeout, errors.New("start_timeout is over"))
	defer cancel()
	if err := d.pool.Reload(ctx, p.config, func() { d.commit(p) }); err != nil {
		p.discard()
		return because(ctx, err)
	}
	return nil
}

// because adds why ctx has ended, if it has.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// reopen opens the logfile and the control socket anew.
func (d *daemon) reopen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	again, err := files.Within(ctx, d.files, d.sink.PrepareAgain, (*output.Change).Discard)
	if err != nil {
		d.log.Warn("the logfile cannot be opened anew, the log goes on in the old one", output.KeyError, err.Error())
	} else {
		again.Commit()
	}
	if err := d.commands.Renew(); err != nil {
		d.log.Warn("the control socket cannot be made again", output.KeyError, err.Error())
	}
}

// preparation is a new configuration with all that was opened for it.
type preparation struct {
	config *config.Config
	log    *output.Change
	served *stats.Change
}

func (p *preparation) discard() {
	p.log.Discard()
	p.served.Discard()
}

// prepare reads the configuration and opens what it names. Any of it may be on a file
// system that does not answer.
func (d *daemon) prepare(ctx context.Context) (*preparation, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	return files.Within(ctx, d.files, func() (*preparation, error) {
		c, err := d.app.load()
		if err != nil {
			return nil, err
		}
		if err := d.enforceable(c); err != nil {
			return nil, err
		}
		log, err := d.sink.Prepare(c.Logfile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errConfig, err)
		}
		served, err := d.server.Prepare(statsOptions(c))
		if err != nil {
			log.Discard()
			return nil, err
		}
		return &preparation{c, log, served}, nil
	}, (*preparation).discard)
}

func (d *daemon) commit(p *preparation) {
	p.log.Commit()
	p.served.Commit()
	d.counters.SetTypes(types(p.config))
	d.config.Store(p.config)
	for _, n := range p.config.Notices {
		d.log.Warn(n)
	}
}

// absolute makes a path absolute, from dir; "" stays.
func absolute(path, dir string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
