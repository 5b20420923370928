package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
)

const (
	// prepareTimeout bounds the part of a reload that reads files and binds addresses
	// of this machine. start_timeout bounds the rest.
	prepareTimeout = 10 * time.Second
	// maxReading is how many reloads may wait for a file system that does not answer.
	// It is more than 1, so that a configuration that no longer names that file system
	// can still be loaded.
	maxReading = 8
)

// replaceConfig is all or nothing: everything that can fail is prepared first,
// and nothing that was prepared takes effect before all of it is. Only the logfile
// and the control socket in use are opened anew in any case: a log that was rotated
// must not go to the old file until somebody corrects a configuration.
func (d *daemon) replaceConfig(ctx context.Context) error {
	select {
	case d.preparing <- struct{}{}:
		defer func() { <-d.preparing }()
	case <-ctx.Done():
		return withCause(ctx, ctx.Err())
	}
	d.reopen(ctx)
	p, err := d.prepare(ctx)
	if err != nil {
		return withCause(ctx, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.config.StartTimeout, errors.New("start_timeout expired"))
	defer cancel()
	if err := d.apply(ctx, p); err != nil {
		p.discard()
		return withCause(ctx, err)
	}
	return nil
}

// apply makes the prepared configuration the present one.
func (d *daemon) apply(ctx context.Context, p *preparation) error {
	d.reloading.Store(true)
	defer d.reloading.Store(false)
	plans, err := d.planner.Plan(ctx, p.config)
	if err != nil {
		return err
	}
	return d.pool.Reload(ctx, poolConfig(p.config, plans), func() { d.commit(p) })
}

// withCause adds the reason why ctx has ended, if it has.
func withCause(ctx context.Context, err error) error {
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
		d.log.Warn("reopening the logfile failed; logging continues in the old file", output.KeyError, err.Error())
	} else {
		again.Commit()
	}
	if err := d.control.Renew(); err != nil {
		d.log.Warn("recreating the control socket failed", output.KeyError, err.Error())
	}
}

// preparation is a new configuration with everything that was opened for it.
type preparation struct {
	config *config.Config
	log    *output.Change
	stats  *stats.Change
}

func (p *preparation) discard() {
	p.log.Discard()
	p.stats.Discard()
}

// prepare reads the configuration and opens what it names. Any of it may be on a file
// system that does not answer.
func (d *daemon) prepare(ctx context.Context) (*preparation, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	return files.Within(ctx, d.files, d.open, (*preparation).discard)
}

func (d *daemon) open() (*preparation, error) {
	c, err := d.options.Load()
	if err != nil {
		return nil, err
	}
	if err := d.groups.enforceable(c); err != nil {
		return nil, err
	}
	log, err := d.sink.Prepare(c.Logfile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	change, err := d.stats.Prepare(statsOptions(c))
	if err != nil {
		log.Discard()
		return nil, err
	}
	return &preparation{c, log, change}, nil
}

func (d *daemon) commit(p *preparation) {
	p.log.Commit()
	p.stats.Commit()
	d.counters.SetTypes(types(p.config))
	d.config.Store(p.config)
	for _, n := range p.config.Notices {
		d.log.Warn(n)
	}
}
