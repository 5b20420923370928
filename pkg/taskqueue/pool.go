package taskqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/admission"
	"github.com/nevsnode/gordon/v2/pkg/membership"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// ErrRedis is wrapped by the errors of a Redis that cannot be used.
var ErrRedis = errors.New("redis is not usable")

// ErrStopping is the error of a reload that comes after the stop has begun.
var ErrStopping = errors.New("gordon is stopping")

// Options configure a pool.
type Options struct {
	Log *slog.Logger
	// Version goes on record in Redis.
	Version string
	// StateDir is STATE_DIRECTORY of systemd.exec(5): the folder of the files for the
	// next daemon; see [membership.Ended]. "" is for temp_dir.
	StateDir string
	// Times are those of the protocol; the zero value is for [store.DefaultTimes].
	Times store.Times
}

// Pool serves a configuration, and those that replace it.
type Pool struct {
	// immutable
	opts    Options
	self    membership.Identity
	stages  *stopStages
	ended   *membership.Ended
	permits *admission.Permits
	over    chan struct{} // closed when all engines have ended after Drain

	reloads sync.Mutex // admits one reload at a time

	mu      sync.Mutex // guards the following; never held while Redis or a file is waited for
	current *engine
	engines map[*engine]bool // those that have not ended
	budgets map[string]*admission.Budget
	closed  bool

	// health is that of current.
	health  atomic.Pointer[loop.Health]
	running sync.WaitGroup // the engines and reloads
}

// Start connects to Redis, brings back the entries that dead instances left and serves all
// types; then it returns. It tries to connect until ctx ends; the error then wraps
// [ErrRedis].
func Start(ctx context.Context, c Config, o Options) (*Pool, error) {
	o.Times = cmp.Or(o.Times, store.DefaultTimes())
	self, err := membership.Self()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		opts: o, self: self, stages: newStopStages(), ended: membership.NewEnded(), permits: admission.NewPermits(),
		over: make(chan struct{}), engines: make(map[*engine]bool), budgets: make(map[string]*admission.Budget),
	}
	p.ended.Use(o.StateDir, c.TempDir)
	e, err := p.launch(ctx, c)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve(e, c)
	return p, nil
}

// launch starts an engine that serves nothing yet.
func (p *Pool) launch(ctx context.Context, c Config) (*engine, error) {
	e := newEngine(p, c)
	if err := e.connect(ctx, c.Plans.Types); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedis, err)
	}
	e.recoverer.Look(ctx)
	p.mu.Lock()
	p.engines[e] = true
	p.mu.Unlock()
	p.running.Go(func() {
		if err := e.Run(); err != nil {
			p.opts.Log.Warn("closing the connection to redis failed", "error", err.Error())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.engines, e)
	})
	if err := e.reserve(ctx, c.Plans.Types); err != nil {
		e.retire()
		return nil, fmt.Errorf("%w: %w", ErrRedis, err)
	}
	select {
	case <-e.watcher.Tried():
	case <-ctx.Done(): // tasks can run without it
	}
	return e, nil
}

// serve makes a configuration the present one. It cannot fail. The caller holds p.mu.
func (p *Pool) serve(e *engine, c Config) {
	for taskType := range c.Plans.Types {
		if p.budgets[taskType] == nil {
			p.budgets[taskType] = admission.NewBudget()
		}
	}
	old := p.current
	p.current = e
	p.health.Store(e.health)
	p.permits.Configure(c.MaxRunning, c.shares())
	if old != nil && old != e {
		old.retire()
	}
	p.ended.Use(p.opts.StateDir, c.TempDir)
	c.Plans.SetTotals()
	e.apply(c.Plans, p.budgets)
	p.permits.Open()
}

// Over is closed when the pool has ended after Drain.
func (p *Pool) Over() <-chan struct{} { return p.over }

// Alive returns an error that names a loop that does not move. A Redis that is down is no
// such error, nor is a reload that waits for it.
func (p *Pool) Alive(ctx context.Context) error {
	for !p.mu.TryLock() {
		select {
		case <-ctx.Done():
			return errors.New("applying the configuration hangs")
		case <-time.After(10 * time.Millisecond):
		}
	}
	e := p.current
	p.mu.Unlock()
	return e.hangs(ctx)
}

// Health is the state in a few words, for STATUS= of systemd.
func (p *Pool) Health() string { return p.health.Load().Status() }

// Redis is the state of the Redis of the configuration: "ok", "not reachable", or the
// code with which it refuses.
func (p *Pool) Redis() string { return p.health.Load().State() }
