package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// registrar keeps this instance on record in Redis, so that others find its
// entries when it dies.
type registrar struct {
	keys   store.Keys
	health *loop.Source
	audits *loop.Source
	client *store.Client
	link   *store.Link
	pulse  loop.Pulse
	times  Times
	runs   *atomic.Uint64 // see queue
	// onLoss is called, once per episode, when the lease may be gone before
	// long because it could not be renewed.
	onLoss func(since time.Duration)
	// audit compares the run lists in Redis with what runs here; taken is whether
	// another host has moved entries of this instance.
	audit func(ctx context.Context, taken bool) error
	// renewed (of [bootTime]) and lost belong to Run.
	renewed time.Duration
	lost    bool
	// instance is replaced as a whole: every link reads it when it connects.
	instance atomic.Pointer[store.Instance]
	requests chan request
	// doubt has a value when an audit may be needed at once.
	doubt chan struct{}

	mu     sync.Mutex
	steady steadiness
	marks  marks
}

// request puts run lists on record.
type request struct {
	ctx   context.Context
	types map[string]store.InstanceType
	done  chan error // holds one value
}

func newRegistrar(keys store.Keys, self store.Instance, h *loop.Health, t Times) *registrar {
	r := &registrar{keys: keys, health: h.Source(), audits: h.Source(), times: t, requests: make(chan request), doubt: make(chan struct{}, 1)}
	r.marks.audited = time.Now()
	r.instance.Store(&self)
	return r
}

// greet is what every new connection begins with: a Redis that was restarted may
// have lost the record, and an entry that was taken before it is back would be
// found by nobody.
func (r *registrar) greet(c *store.Conn) error {
	found, err := c.Register(r.keys, *r.instance.Load(), r.times.Lease, r.runs.Load())
	if err == nil && r.heard(found) {
		r.wake()
	}
	return err
}

// Run renews the lease until ctx ends.
func (r *registrar) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := bootTicker(ctx, r.times.renew())
	r.renewed = bootTime()
	var pace loop.Pacer
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return closeLink(r.link)
		case req := <-r.requests:
			req.done <- r.extend(req.ctx, req.types)
		case <-tick:
			again = r.round(ctx, &pace)
		case <-again:
			again = r.round(ctx, &pace)
		case <-r.doubt:
			again = r.round(ctx, &pace)
		}
	}
}

// round renews, and compares what is in Redis with what runs here if there is reason
// to. After a failure it returns when to try again.
func (r *registrar) round(ctx context.Context, pace *loop.Pacer) <-chan time.Time {
	r.pulse.Within(8 * r.times.IO)
	defer r.pulse.Rest()
	err := r.renew(ctx)
	if err == nil {
		err = r.check(ctx)
	}
	if err != nil {
		return time.After(pace.Next())
	}
	pace.Reset()
	return nil
}

// extend puts types and further run lists on record, trying until ctx ends. What
// is on record stays: it may hold entries. After an error all is as before: what
// runs goes on under the old configuration, on_crash above all.
func (r *registrar) extend(ctx context.Context, types map[string]store.InstanceType) error {
	before := r.instance.Load()
	next := *before
	next.Types = maps.Clone(next.Types)
	for name, t := range types {
		t.Lists = max(t.Lists, next.Types[name].Lists)
		next.Types[name] = t
	}
	r.instance.Store(&next)
	defer r.pulse.Rest()
	var pace loop.Pacer
	for {
		r.pulse.Within(4 * r.times.IO)
		err := r.renew(ctx)
		if ctx.Err() == nil && err == nil {
			return nil
		}
		if ctx.Err() != nil {
			r.instance.Store(before)
			if err == nil { // it came too late: whoever asked has given up
				return errors.Join(context.Cause(ctx), r.takeBack())
			}
			return err
		}
		pace.Wait(ctx)
	}
}

// takeBack puts on record what was there before an extension that came too late.
func (r *registrar) takeBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), r.times.IO)
	defer cancel()
	return r.renew(ctx)
}

// renew tries to renew the lease. Long before an attempt has failed (it may hang at
// one sentinel after the other) the lease may be gone.
func (r *registrar) renew(ctx context.Context) error {
	asked := bootTime()
	feared := make(chan struct{})
	timer := time.AfterFunc(max(r.times.danger()-(asked-r.renewed), r.times.stopGrace()), func() {
		defer close(feared)
		r.fear()
	})
	var found store.Renewal
	err := r.link.Use(ctx, func(c *store.Conn) (err error) {
		found, err = c.Renew(r.keys, *r.instance.Load(), r.times.Lease, r.runs.Load())
		return err
	})
	if !timer.Stop() {
		<-feared
	}
	r.health.Report(err)
	if err != nil {
		r.fear()
		return err
	}
	r.heard(found)
	r.mu.Lock()
	r.steady.renewed(asked, found.Server, r.times.gap())
	r.mu.Unlock()
	r.renewed, r.lost = asked, false
	return nil
}

// fear looks whether the lease may be gone before long.
func (r *registrar) fear() {
	if since := bootTime() - r.renewed; !r.lost && since >= r.times.danger() {
		r.lost = true
		r.onLoss(since)
	}
}

// reserve returns when Redis has the run lists on record; only then may they be
// used.
func (r *registrar) reserve(ctx context.Context, types map[string]store.InstanceType) error {
	req := request{ctx: ctx, types: types, done: make(chan error, 1)}
	select {
	case r.requests <- req:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := <-req.done; err != nil {
		return fmt.Errorf("put this instance on record in redis: %w", err)
	}
	return nil
}

// errNotEmpty keeps an instance on record.
var errNotEmpty = errors.New("entries stand in its run lists though all of them were removed: redis came back with an older state")

// farewell takes the instance off the record. It comes after all run lists were
// seen empty and Run has returned. They are looked at once more: an older state of
// Redis (a snapshot, a promoted replica) may have filled one that was not used
// since, and only recovery would find it.
func (r *registrar) farewell(ctx context.Context) error {
	self := r.instance.Load()
	err := r.link.Use(ctx, func(c *store.Conn) error {
		for name, t := range self.Types {
			filled, err := r.filled(c, name, t.Lists)
			if err != nil {
				return err
			}
			if len(filled) > 0 {
				return errNotEmpty
			}
		}
		return c.Deregister(r.keys, self.ID)
	})
	if err != nil {
		err = fmt.Errorf("take this instance off the record: %w", err)
	}
	return err
}
