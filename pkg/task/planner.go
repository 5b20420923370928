package task

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
)

// Options configure a planner.
type Options struct {
	Log      *slog.Logger
	Counters *stats.Counters
	// Env is the environment of the daemon, which scripts inherit.
	Env []string
	// Groups is where the control groups of tasks are made; nil if there are none.
	// The caller finds out whether the limits of a configuration can be enforced.
	Groups *cgroup.Tree
	// Signals are the signals that the daemon receives; nil if it is not to know them.
	Signals *Signals
	// StartTimeout bounds the attempts to start a process that fail because memory,
	// processes or descriptors are used up, or because the script is being written.
	// None of these is the fault of the entry. 0 is for a minute.
	StartTimeout time.Duration
}

const defaultStartTimeout = time.Minute

// Planner makes plans, and owns all that the starts of a daemon have in common.
type Planner struct {
	Options
	gate    *runner.Gate
	drain   *runner.Drain
	reserve *capacity.Reserve
	// resolving bounds the calls of Plan and Check that wait for a file system that does
	// not answer.
	resolving files.Calls

	mu     sync.Mutex
	closed bool
	active sync.WaitGroup // the calls of Plan and Check
}

// maxResolving is how many calls there may be at once, including those that a dead file
// system keeps: a reload that no longer names it has to be possible.
const maxResolving = 8

// NewPlanner returns a planner. The caller has to close it.
func NewPlanner(o Options) (*Planner, error) {
	o.StartTimeout = cmp.Or(o.StartTimeout, defaultStartTimeout)
	p := &Planner{Options: o, gate: runner.NewGate(), resolving: files.NewCalls(maxResolving)}
	var err error
	if p.drain, err = runner.NewDrain(p.drainIsFull); err != nil {
		p.gate.Close()
		return nil, err
	}
	if p.reserve, err = capacity.NewReserve(); err != nil {
		o.Log.Warn("the process limit is low", output.KeyError, err.Error())
	}
	return p, nil
}

// drainIsFull logs that a stream was closed to which a process may still write.
func (p *Planner) drainIsFull(kept int) {
	p.Log.Warn("too many output streams of left-over processes: the oldest are closed, and a process that writes to one gets SIGPIPE", "kept", kept)
}

// Close waits for the calls of Plan and Check, and releases all that starts share. No
// run may follow. It may be called more than once.
func (p *Planner) Close() {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	p.active.Wait()
	if closed {
		return
	}
	p.gate.Close()
	p.drain.Close()
	p.reserve.Close()
}

// begin reports whether the planner is still open, and keeps it open until done.
func (p *Planner) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.active.Add(1)
	}
	return !p.closed
}

// Plan finds out how the tasks of a configuration are carried out on this machine. If
// this machine lacks something that the configuration names, the error is
// [config.Faults]. Plan returns when ctx ends, even if a path is on a file system that
// does not answer.
func (p *Planner) Plan(ctx context.Context, c *config.Config) (*Plans, error) {
	found, err := p.resolve(ctx, c, (*resolver).err)
	if err != nil {
		return nil, err
	}
	for _, w := range found.warnings {
		p.Log.Warn(w.Error())
	}
	return newPlans(p, c, found.plans), nil
}

// resolve makes the plans of a configuration and then calls check, whose error it returns.
// It returns when ctx ends, even if a path is on a file system that does not answer.
func (p *Planner) resolve(ctx context.Context, c *config.Config, check func(*resolver) error) (*resolver, error) {
	if !p.begin() {
		return nil, context.Canceled
	}
	defer p.active.Done()
	return files.Within(ctx, p.resolving, func() (*resolver, error) {
		r := resolvePlans(ctx, c, p.Env, p.gate, p.reserve)
		return r, check(r)
	}, nil)
}

// KeptStreams returns how many output streams of left-over processes are kept open.
func (p *Planner) KeptStreams() int { return p.drain.Kept() }
