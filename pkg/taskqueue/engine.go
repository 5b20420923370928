package taskqueue

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/admission"
	"github.com/nevsnode/gordon/v2/pkg/membership"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/watch"
)

// actor is one goroutine of an engine.
type actor interface {
	// Run works until ctx ends.
	Run(ctx context.Context) error
	// Hangs returns an error that names the actor if it does not move.
	Hangs() error
}

// instance holds the state that the queues of an engine share.
type instance struct {
	// immutable
	keys   store.Keys
	id     string
	log    *slog.Logger
	client *store.Client
	health *loop.Health
	times  store.Times
	stages *stopStages

	// safe for concurrent use
	registry task.Registry
	memory   task.Memory
	// runs numbers the runs of the instance. A number per queue would not do: a type
	// that was removed and comes back has a new queue, and a process that its old queue
	// left behind must not share its id with a new task.
	runs atomic.Uint64
	// leaseLost is set once the lease was lost at any time: entries may have been taken
	// over then, and the log mentions that with their late results.
	leaseLost atomic.Bool
}

// engine serves one target: it is one instance there, with a queue per type.
type engine struct {
	instance
	target    Target
	ended     *membership.Ended
	permits   *admission.Permits
	registrar *membership.Registrar
	recoverer *membership.Recoverer
	watcher   *watch.Watcher
	actors    []actor
	// plans are those of the newest configuration.
	plans atomic.Pointer[task.Plans]

	mu     sync.Mutex
	queues map[string]*queue
	open   sync.WaitGroup  // the queues, and one more until retire
	clean  bool            // guarded by mu: all queues ended with empty slots
	paused map[string]bool // guarded by mu: the paused types, as last read
}

// newEngine connects to nothing yet.
func newEngine(p *Pool, c Config) *engine {
	self := membership.NewInstance(p.self, p.opts.Version)
	e := &engine{
		instance: instance{
			keys: store.Keys{Prefix: c.QueueKey}, id: self.ID, log: p.opts.Log,
			health: loop.NewHealth(p.opts.Log, c.Target.String()), times: p.opts.Times, stages: p.stages,
		},
		target: c.Target, ended: p.ended, permits: p.permits, queues: make(map[string]*queue), clean: true,
	}
	e.open.Add(1)
	e.plans.Store(c.Plans)
	e.registrar = membership.NewRegistrar(e.keys, self, e.health, e.times, membership.Owner{
		Runs: e.runs.Load, LeaseEndangered: e.leaseEndangered, Running: e.running, Audited: e.audited,
	})
	options := c.Redis
	options.Instance, options.Ping = e.id, e.times.Ping
	options.DialTimeout, options.CommandTimeout = e.times.IO, e.times.IO
	e.client = store.NewClient(options)
	e.client.OnConnect(e.registrar.Register)
	e.registrar.Connect(e.client)
	e.recoverer = membership.NewRecoverer(e.client, e.health, membership.RecovererOptions{
		Keys: e.keys, Self: e.id, Host: p.self, Log: e.log, Times: e.times, Ended: e.ended, Steadily: e.registrar.Steadily,
		Keep: e.keep, Notify: e.notify, Used: e.memory.Used,
		Counted:       func() { e.plans.Load().CountAbandoned() },
		NoticeTimeout: func() time.Duration { return e.plans.Load().MaxNotice() },
	})
	e.watcher = watch.New(e.client, e.health, watch.Options{
		Keys: e.keys, Log: e.log, Times: e.times, Types: e.types, Paused: e.pause, Cancel: e.registry.Cancel,
	})
	e.actors = []actor{e.registrar, e.recoverer, e.watcher}
	if len(options.Sentinel.Addresses) > 0 {
		e.actors = append(e.actors, watch.NewFollower(e.client, e.log, e.times))
	}
	return e
}

// keep returns the limits of the failed list of a type.
func (e *engine) keep(taskType string, ttl time.Duration) store.Keep {
	if t := e.plans.Load().Types[taskType]; t != nil {
		return t.Keep(ttl)
	}
	return store.Keep{TTL: ttl}
}

// notify runs the error_script for an entry that is not run again.
func (e *engine) notify(ctx context.Context, a membership.Abandoned) {
	e.plans.Load().Notify(ctx, context.Background(), e.log, a.Type, a.Entry, a.Reason)
}

// Run keeps the instance on record until all queues have ended, and then takes it off.
// The queues are started before it, and by apply.
func (e *engine) Run() error {
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range e.actors {
		group.Go(func() error { return a.Run(ctx) })
	}
	e.open.Wait()
	cancel()
	err := group.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.clean {
		e.log.Warn("redis did not respond in time; entries in the run lists of this instance run when gordon uses this redis again", "address", e.target.String())
		return errors.Join(err, e.ended.Add(e.id))
	}
	ctx, cancel = context.WithTimeout(context.Background(), e.times.IO)
	defer cancel()
	if gone := e.registrar.Deregister(ctx); gone != nil {
		e.log.Warn("deregistering this instance failed", output.KeyError, gone.Error())
		err = errors.Join(err, e.ended.Add(e.id))
	}
	return errors.Join(err, e.registrar.Close())
}

// retire makes all queues take no entries, and Run return when they have ended.
func (e *engine) retire() {
	e.apply(nil, nil)
	e.mu.Lock()
	for _, q := range e.queues {
		q.boundWait()
	}
	e.mu.Unlock()
	e.open.Done()
}

// reserve puts the run lists for these types on record.
func (e *engine) reserve(ctx context.Context, plans map[string]*task.Plan) error {
	types := make(map[string]store.InstanceType)
	for name, t := range plans {
		types[name] = store.InstanceType{
			Lists:       listsPerSlot * t.Workers,
			FailOnCrash: t.FailOnCrash(),
			FailedTTL:   int64(t.Failed.TTL.Seconds()),
		}
	}
	return e.registrar.Reserve(ctx, types)
}

// apply serves these types and no others; their run lists are on record. nil is for no
// types.
func (e *engine) apply(plans *task.Plans, budgets map[string]*admission.Budget) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var types map[string]*task.Plan
	if plans != nil {
		e.plans.Store(plans)
		types = plans.Types
	}
	for _, name := range slices.Sorted(maps.Keys(e.queues)) {
		if types[name] == nil {
			e.queues[name].drain()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		q := e.queues[name]
		if q == nil || !q.configure(types[name]) {
			e.start(types[name], budgets[name])
			e.registrar.Recheck() // Redis may have come back with entries while no queue was here
		}
	}
	e.watcher.TypesChanged()
}

// types are the types that are served.
func (e *engine) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.queues))
}

// list returns the queues, by type.
func (e *engine) list() map[string]*queue {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.queues)
}

// queue returns the queue of a type, or nil.
func (e *engine) queue(taskType string) *queue {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queues[taskType]
}

// pause makes these types, and no others, take no entries.
func (e *engine) pause(paused map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, taskType := range slices.Sorted(maps.Keys(e.queues)) {
		if paused[taskType] == e.paused[taskType] {
			continue
		}
		e.queues[taskType].pause(paused[taskType]) // before it is logged
		if paused[taskType] {
			e.log.Info("the type is paused: its entries wait, running tasks continue", output.KeyTaskType, taskType)
		} else {
			e.log.Info("the type is no longer paused", output.KeyTaskType, taskType)
		}
	}
	e.paused = paused
}

// start starts the queue of a type. A queue of that type that is still ending has seen its
// run lists empty, so that they can be used again.
func (e *engine) start(t *task.Plan, b *admission.Budget) {
	q := newQueue(e, t, b)
	if q.paused = e.paused[t.Type]; q.paused {
		q.log.Info("the type is paused: its entries wait")
	}
	e.queues[t.Type] = q
	e.open.Go(func() {
		if err := q.Run(e.stages.giveUp.ctx); err != nil {
			e.log.Warn("a queue failed", output.KeyTaskType, t.Type, output.KeyError, err.Error())
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.clean = e.clean && q.clean()
		if e.queues[t.Type] == q {
			delete(e.queues, t.Type)
		}
	})
}

// hangs returns an error that names a loop that does not move.
func (e *engine) hangs(ctx context.Context) error {
	for _, q := range e.list() {
		if err := q.hangs(ctx); err != nil {
			return err
		}
	}
	for _, a := range e.actors {
		if err := a.Hangs(); err != nil {
			return err
		}
	}
	return nil
}
