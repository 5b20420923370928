package taskqueue

import (
	"context"
	"fmt"
)

// Reload makes c the configuration, or changes nothing and returns an error: if the Redis
// of c does not answer before ctx ends ([ErrRedis]), or the pool is being stopped
// ([ErrStopping]). Nothing takes effect after ctx has ended. commit is called when nothing
// can fail any more, before the new configuration takes effect.
//
// Tasks that run go on as they were started. Tasks of a type that was removed, or that
// came from another Redis, end there: their results go to the Redis that they came from.
func (p *Pool) Reload(ctx context.Context, c Config, commit func()) error {
	p.reloads.Lock()
	defer p.reloads.Unlock()
	if !p.begin() {
		return ErrStopping
	}
	defer p.running.Done()
	e, err := p.engineFor(ctx, c)
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
	p.serve(e, c)
	return nil
}

// begin keeps the pool from ending until running.Done is called. It returns false if the
// pool is being stopped.
func (p *Pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.running.Add(1)
	}
	return !p.closed
}

// engineFor returns an engine for the target of the configuration, with the run lists on
// record.
func (p *Pool) engineFor(ctx context.Context, c Config) (*engine, error) {
	p.mu.Lock()
	e := p.current
	p.mu.Unlock()
	if c.same(e.target) {
		if err := e.roomFor(ctx, c.Plans.Types); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRedis, err)
		}
		if err := e.reserve(ctx, c.Plans.Types); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRedis, err)
		}
		return e, nil
	}
	e, err := p.launch(ctx, c)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		e.retire()
		return nil, context.Cause(ctx)
	}
	return e, nil
}
