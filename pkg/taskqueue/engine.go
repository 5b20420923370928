package taskqueue

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/admission"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// engine serves one place: it is one instance there, with a queue per type.
type engine struct {
	// immutable
	place     *place
	keys      store.Keys
	id        string
	log       *slog.Logger
	counters  *stats.Counters
	client    *store.Client
	health    *loop.Health
	times     Times
	registrar *registrar
	recoverer *recoverer
	follower  *follower // nil without sentinels
	watcher   *watcher
	// lost tells whether the lease was lost at any time: entries may have been
	// taken over then, and their late results have to say so.
	lost  atomic.Bool
	runs  atomic.Uint64 // see queue
	ends  *ends
	ended *ended
	// memory is shared by all queues.
	memory  memory
	roster  roster
	permits *admission.Permits

	mu     sync.Mutex
	queues map[string]*queue
	actors sync.WaitGroup  // the queues, and one more until retire
	clean  bool            // guarded by mu: all queues ended with empty slots
	paused map[string]bool // guarded by mu: types that take nothing, as last heard
}

// newEngine connects to nothing yet.
func newEngine(p *place, o Options, self host.Identity, ends *ends, past *ended, permits *admission.Permits) *engine {
	nonce := make([]byte, 4)
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	id := strings.Map(idRune, self.Hostname) + "-" + hex.EncodeToString(nonce)
	e := &engine{
		place: p, times: o.Times, keys: store.Keys{Prefix: p.queueKey}, id: id, counters: o.Counters, log: o.Log,
		health: loop.NewHealth(o.Log, p.String()), queues: make(map[string]*queue), clean: true,
		ends: ends, ended: past, permits: permits,
	}
	e.actors.Add(1)
	e.registrar = newRegistrar(e.keys, store.Instance{
		ID: id, Host: self.Hostname, MachineID: self.MachineID, BootID: self.BootID, PIDNamespace: self.PIDNamespace,
		PID: self.PID, StartTime: self.StartTime, Version: o.Version, Types: make(map[string]store.InstanceType),
	}, e.health, o.Times)
	e.registrar.onLoss = e.leaseLost
	e.registrar.runs = &e.runs
	options := p.options
	options.Instance, options.Ping = id, o.Times.Ping
	options.DialTimeout, options.CommandTimeout = o.Times.IO, o.Times.IO
	e.client = store.NewClient(options)
	e.client.OnConnect(e.registrar.greet)
	e.registrar.client, e.registrar.link, e.registrar.audit = e.client, e.client.UrgentLink(), e.audit
	e.recoverer = &recoverer{
		keys: e.keys, self: id, host: self, log: o.Log, link: e.client.Link(), health: e.health.Source(), times: o.Times,
		counters: o.Counters, memory: &e.memory, steadily: e.registrar.steadily, ended: past,
	}
	e.recoverer.link.OnProgress(e.recoverer.pulse.Progress)
	if len(options.Sentinel.Addresses) > 0 {
		e.follower = &follower{client: e.client, log: o.Log, times: o.Times}
	}
	e.watcher = &watcher{
		keys: e.keys, client: e.client, health: e.health, source: e.health.Source(), log: o.Log, times: o.Times, changed: make(chan struct{}, 1), tried: make(chan struct{}),
		types: e.types, paused: e.pause, cancel: e.roster.cancel,
	}
	return e
}

// idRune keeps what an id may hold: the kernel lets a host be called anything.
func idRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
		return r
	}
	return '_'
}

// Run keeps the instance on record until all queues have ended, and then takes
// it off. Queues are started before it, and by apply.
func (e *engine) Run() error {
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.registrar.Run(ctx) })
	group.Go(func() error { return e.recoverer.Run(ctx) })
	group.Go(func() error { return e.watcher.Run(ctx) })
	if e.follower != nil {
		group.Go(func() error { return e.follower.Run(ctx) })
	}
	e.actors.Wait()
	cancel()
	err := group.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.clean {
		e.log.Warn("redis did not answer in time; entries that it still counts as running here run when gordon uses it again", "address", e.place.String())
		return errors.Join(err, e.ended.add(e.id))
	}
	ctx, cancel = context.WithTimeout(context.Background(), e.times.IO)
	defer cancel()
	if gone := e.registrar.farewell(ctx); gone != nil {
		e.log.Warn("redis was not told that this instance has ended", output.KeyError, gone.Error())
		err = errors.Join(err, e.ended.add(e.id))
	}
	return errors.Join(err, e.registrar.link.Close())
}

// retire has all queues take nothing new, and Run return when they have ended.
func (e *engine) retire() {
	e.apply(nil, nil, nil)
	e.mu.Lock()
	for _, q := range e.queues {
		q.hurry()
	}
	e.mu.Unlock()
	e.actors.Done()
}

// reserve puts the run lists for the tasks on record.
func (e *engine) reserve(ctx context.Context, tasks map[string]config.Task) error {
	types := make(map[string]store.InstanceType)
	for name, t := range tasks {
		types[name] = store.InstanceType{
			Lists:       listsPerSlot * t.Workers,
			FailOnCrash: t.OnCrash == config.CrashFail,
			FailedTTL:   int64(t.Failed.TTL.Seconds()),
		}
	}
	return e.registrar.reserve(ctx, types)
}

// apply serves these tasks and no others; their run lists are on record.
func (e *engine) apply(tasks map[string]config.Task, s *Settings, budgets map[string]*admission.Budget) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s != nil {
		e.recoverer.settings.Store(s)
	}
	for _, taskType := range slices.Sorted(maps.Keys(e.queues)) {
		if _, ok := tasks[taskType]; !ok {
			e.queues[taskType].drain()
		}
	}
	for _, taskType := range slices.Sorted(maps.Keys(tasks)) {
		q := e.queues[taskType]
		if q == nil || !q.configure(tasks[taskType], s) {
			e.start(tasks[taskType], s, budgets[taskType])
			e.registrar.recheck() // Redis may have come back with entries while nobody looked
		}
	}
	select {
	case e.watcher.changed <- struct{}{}:
	default: // it has yet to look
	}
}

// types are those that are served.
func (e *engine) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.queues))
}

// pause makes these types, and no others, take nothing.
func (e *engine) pause(paused map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, taskType := range slices.Sorted(maps.Keys(e.queues)) {
		if paused[taskType] == e.paused[taskType] {
			continue
		}
		e.queues[taskType].pause(paused[taskType]) // before the log says so
		if paused[taskType] {
			e.log.Info("the type is paused: its entries wait, what runs goes on", output.KeyTaskType, taskType)
		} else {
			e.log.Info("the type is no longer paused", output.KeyTaskType, taskType)
		}
	}
	e.paused = paused
}

// start starts the queue of a type. A queue of that type that is still ending
// has seen its run lists empty, so that they can be used again.
func (e *engine) start(t config.Task, s *Settings, b *admission.Budget) {
	q := newQueue(e, t, s, b)
	if q.paused = e.paused[t.Type]; q.paused {
		q.log.Info("the type is paused: its entries wait")
	}
	e.queues[t.Type] = q
	e.actors.Go(func() {
		if err := q.Run(e.ends.hard.ctx); err != nil {
			e.log.Warn("a queue ended with an error", output.KeyTaskType, t.Type, output.KeyError, err.Error())
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.clean = e.clean && q.clean()
		if e.queues[t.Type] == q {
			delete(e.queues, t.Type)
		}
	})
}

// leaseLost is told that another host may soon take this instance for dead and
// run its entries.
func (e *engine) leaseLost(since time.Duration) {
	e.lost.Store(true)
	s := e.recoverer.settings.Load()
	log := e.log.With("not_renewed_for", since.Round(time.Second).String())
	if s.OnLeaseLoss != config.LeaseLossStop {
		log.Warn("the lease in redis cannot be renewed; another host may run the entries of these tasks again")
		return
	}
	log.Warn("the lease in redis cannot be renewed; the tasks are stopped before another host may run their entries")
	e.mu.Lock()
	queues := slices.Collect(maps.Values(e.queues))
	e.mu.Unlock()
	for _, q := range queues {
		q.stopRunning(e.times.stopGrace())
	}
}

// ping proves that every loop moves.
func (e *engine) ping(ctx context.Context) error {
	e.mu.Lock()
	queues := slices.Collect(maps.Values(e.queues))
	e.mu.Unlock()
	for _, q := range queues {
		if err := q.ping(ctx); err != nil {
			return err
		}
	}
	if !e.registrar.pulse.Moves() {
		return errors.New("the registrar hangs")
	}
	if !e.recoverer.pulse.Moves() {
		return errors.New("the recoverer hangs")
	}
	if !e.watcher.pulse.Moves() {
		return errors.New("the watcher hangs")
	}
	if e.follower != nil && !e.follower.pulse.Moves() {
		return errors.New("the follower of the sentinels hangs")
	}
	return nil
}
