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

	"github.com/nevsnode/gordon/v2/pkg/admission"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
)

// ErrRedis is wrapped by errors that say that Redis could not be used.
var ErrRedis = errors.New("redis is not usable")

// ErrStopping is for a reload that comes too late.
var ErrStopping = errors.New("gordon is stopping")

// Options are what a pool needs besides a configuration.
type Options struct {
	Log      *slog.Logger
	Counters *stats.Counters
	// Version goes on record in Redis.
	Version string
	// Env is the environment that scripts inherit.
	Env []string
	// Groups is where the control groups of the tasks are made; nil where there
	// are none. Whether the limits of a configuration can be enforced is for
	// others to find out.
	Groups *cgroup.Tree
	// Signals are those that the daemon gets; nil where it is not to know.
	Signals *Signals
	// StateDir is STATE_DIRECTORY of systemd.exec(5): where to leave word for the next
	// daemon. "" is for temp_dir.
	StateDir string

	// Times are those of the protocol; the zero value means [DefaultTimes].
	Times Times
}

// Pool runs the tasks of a configuration, and of those that replace it.
type Pool struct {
	opts    Options
	self    host.Identity
	ends    *ends
	ended   *ended
	gate    *runner.Gate
	drain   *runner.Drain
	reserve *runner.Reserve
	// surveys bounds those that look at a file system that does not answer.
	surveys files.Calls
	// reloads has one reload at a time; reloading says that one is under way.
	reloads   sync.Mutex
	reloading atomic.Bool

	mu      sync.Mutex // guards what follows; never held while Redis or a file is waited for
	current *engine
	budgets map[string]*admission.Budget
	permits *admission.Permits
	closed  bool

	// health is that of current.
	health atomic.Pointer[loop.Health]

	engines sync.WaitGroup
	over    chan struct{} // closed when all engines have ended after Drain
}

// end is a context that ends when it is told to.
type end struct {
	ctx  context.Context
	stop context.CancelFunc
}

func newEnd() end { return end{ctx: context.Background()}.child() }

// child returns an end that comes with this one, or before.
func (e end) child() end {
	ctx, stop := context.WithCancel(e.ctx)
	return end{ctx, stop}
}

// ends are the stages of a stop, each harder than the one before: take nothing, stop
// the tasks, kill them, wait for nothing.
type ends struct{ drain, abort, kill, hard end }

// Start connects to Redis, brings back what dead instances left behind and
// serves all types; then it returns. Redis is tried until ctx ends; the error
// then wraps [ErrRedis]. What the configuration names and this machine does not
// have is told in [config.Faults] before that.
func Start(ctx context.Context, c *config.Config, o Options) (*Pool, error) {
	o.Times = cmp.Or(o.Times, DefaultTimes())
	self, err := host.Self()
	if err != nil {
		return nil, fmt.Errorf("find out what machine this is: %w", err)
	}
	p := &Pool{
		opts: o, self: self, ends: &ends{newEnd(), newEnd(), newEnd(), newEnd()}, ended: newEnded(),
		budgets: make(map[string]*admission.Budget), permits: admission.NewPermits(), over: make(chan struct{}), gate: runner.NewGate(),
		surveys: files.NewCalls(maxSurveys),
	}
	if p.drain, err = runner.NewDrain(p.drainIsFull); err != nil {
		p.gate.Close()
		return nil, err
	}
	if p.reserve, err = runner.NewReserve(); err != nil {
		o.Log.Warn("there is little room for processes", output.KeyError, err.Error())
	}
	s, err := p.settings(ctx, c)
	if err != nil {
		p.closeShared()
		return nil, err
	}
	p.ended.use(o.StateDir, c.TempDir)
	e, err := p.launch(ctx, c, s)
	if err != nil {
		p.closeShared()
		return nil, err
	}
	p.serve(e, c, s)
	return p, nil
}

// closeShared closes what all starts share. No start may follow.
func (p *Pool) closeShared() {
	p.gate.Close()
	p.drain.Close()
	p.reserve.Close()
}

// drainIsFull is told that a stream is closed which a process may still write to.
func (p *Pool) drainIsFull(kept int) {
	p.opts.Log.Warn("left-over processes hold more output streams than gordon keeps: one that writes to a closed one gets SIGPIPE", "kept", kept)
}

// maxSurveys is how many surveys may be under way, those included that a dead file
// system does not let go: a reload that no longer names it has to be possible.
const maxSurveys = 8

// settings finds out what a configuration means on this machine. It ends with ctx,
// also where a path is on a file system that does not answer.
func (p *Pool) settings(ctx context.Context, c *config.Config) (*Settings, error) {
	found, err := files.Within(ctx, p.surveys, func() (*survey, error) {
		s := look(ctx, c, p.opts.Env, p.gate, p.reserve)
		return s, s.err()
	}, nil)
	if err != nil {
		return nil, err
	}
	for _, w := range found.warnings {
		p.opts.Log.Warn(w.Error())
	}
	return newSettings(c, p.opts, shared{p.gate, p.drain, p.reserve}, found.commands), nil
}

// launch starts an engine that serves nothing yet.
func (p *Pool) launch(ctx context.Context, c *config.Config, s *Settings) (*engine, error) {
	e := newEngine(placeOf(c), p.opts, p.self, p.ends, p.ended, p.permits)
	if err := e.connect(ctx, c.Tasks); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedis, err)
	}
	e.recoverer.settings.Store(s)
	e.recoverer.look(ctx)
	p.engines.Go(func() {
		if err := e.Run(); err != nil {
			p.opts.Log.Warn("the connection to redis ended with an error", "error", err.Error())
		}
	})
	if err := e.reserve(ctx, c.Tasks); err != nil {
		e.retire()
		return nil, fmt.Errorf("%w: %w", ErrRedis, err)
	}
	select {
	case <-e.watcher.tried:
	case <-ctx.Done(): // tasks can run without it
	}
	return e, nil
}

// serve makes the configuration the one that counts. It cannot fail.
func (p *Pool) serve(e *engine, c *config.Config, s *Settings) {
	for taskType := range c.Tasks {
		if p.budgets[taskType] == nil {
			p.budgets[taskType] = admission.NewBudget()
		}
	}
	old := p.current
	p.current = e
	p.health.Store(e.health)
	p.permits.Configure(c.MaxRunning, shares(c.Tasks))
	if old != nil && old != e {
		old.retire()
	}
	p.ended.use(p.opts.StateDir, c.TempDir)
	p.setTotals(c)
	e.apply(c.Tasks, s, p.budgets)
	p.permits.Open()
}

// setTotals sets the limits of all runs of a type together.
func (p *Pool) setTotals(c *config.Config) {
	if p.opts.Groups == nil {
		return
	}
	if err := p.opts.Groups.Configure(c.Tasks); err != nil {
		p.opts.Log.Error("a limit of all runs of a type is not in effect", output.KeyError, err.Error())
	}
}

// Drain takes nothing new from now on. Over is closed when all that runs has
// ended and Redis knows.
func (p *Pool) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.current.retire()
	p.ends.drain.stop()
	go func() {
		p.engines.Wait()
		p.closeShared()
		close(p.over)
	}()
}

// Over is closed when the pool has ended after Drain.
func (p *Pool) Over() <-chan struct{} { return p.over }

// Abort drains, and stops the tasks that run: SIGTERM to the whole tree,
// SIGKILL after kill_grace. Their entries go back to the head of their queues.
func (p *Pool) Abort() {
	p.Drain()
	p.ends.abort.stop()
}

// Kill aborts without any grace.
func (p *Pool) Kill() {
	p.Abort()
	p.ends.kill.stop()
}

// GiveUp kills, and does not wait for Redis to take the results: the entries
// stay in their run lists, and run again after the next start.
func (p *Pool) GiveUp() {
	p.Kill()
	p.ends.hard.stop()
}

// Alive proves that every loop moves, or names one that does not. Redis being
// down does not count as that, nor does a reload that waits for it.
func (p *Pool) Alive(ctx context.Context) error {
	for !p.mu.TryLock() {
		select {
		case <-ctx.Done():
			return errors.New("the change to another configuration hangs")
		case <-time.After(10 * time.Millisecond):
		}
	}
	e := p.current
	p.mu.Unlock()
	return e.ping(ctx)
}

// Status is the state in one line, for systemd's STATUS=.
func (p *Pool) Status() string {
	s := p.opts.Counters.Snapshot()
	types := "types"
	if s.Types == 1 {
		types = "type"
	}
	return fmt.Sprintf("%d running, %d %s, %d done, %d failed; %s", s.Running, s.Types, types, s.Done, s.Failed, p.currentHealth())
}

// Redis is how the Redis of the configuration is: "ok", "not reachable", or what it
// refuses with.
func (p *Pool) Redis() string { return p.health.Load().State() }

func (p *Pool) currentHealth() string {
	if p.reloading.Load() {
		return "reloading"
	}
	return p.health.Load().Status()
}
