package taskqueue

import (
	"context"
	"fmt"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// Reload makes c the configuration, or changes nothing and returns an error:
// when the Redis that c names does not answer before ctx ends ([ErrRedis]), this
// machine does not have what c names ([config.Faults]), or the pool is being
// stopped. Nothing takes effect after ctx has ended. commit is called when nothing
// can fail any more, before the new configuration takes effect.
//
// Tasks that run go on as they were started. Those of a type that is no longer
// there, or that came from another Redis, end and are told to the Redis that
// they came from.
func (p *Pool) Reload(ctx context.Context, c *config.Config, commit func()) error {
	p.reloads.Lock()
	defer p.reloads.Unlock()
	if !p.begin() {
		return ErrStopping
	}
	defer p.engines.Done()
	p.reloading.Store(true)
	defer p.reloading.Store(false)
	s, err := p.settings(ctx, c)
	if err != nil {
		return err
	}
	e, err := p.engineFor(ctx, c, s)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		if e != p.current {
			e.retire()
		}
		return ErrStopping
	}
	commit()
	p.serve(e, c, s)
	return nil
}

// begin keeps Over open until engines.Done is called, unless the pool is stopping.
func (p *Pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.engines.Add(1)
	}
	return !p.closed
}

// engineFor returns an engine for the place of the configuration, with the run lists
// on record.
func (p *Pool) engineFor(ctx context.Context, c *config.Config, s *Settings) (*engine, error) {
	p.mu.Lock()
	e := p.current
	p.mu.Unlock()
	if placeOf(c).same(e.place) {
		if err := e.roomFor(ctx, c.Tasks); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRedis, err)
		}
		if err := e.reserve(ctx, c.Tasks); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRedis, err)
		}
		return e, nil
	}
	e, err := p.launch(ctx, c, s)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		e.retire()
		return nil, context.Cause(ctx)
	}
	return e, nil
}
