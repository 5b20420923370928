package membership

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

// Registrar is the actor that keeps this instance on record in Redis, so that others
// find its entries when it dies.
type Registrar struct {
	// immutable after Connect
	keys   store.Keys
	health *loop.Source
	audits *loop.Source
	client *store.Client
	link   *store.Link
	times  store.Times
	owner  Owner

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

// Owner is the part of the daemon whose instance a registrar keeps on record. Its
// functions return quickly: they wait for no Redis.
type Owner struct {
	// Runs returns the number of the newest run.
	Runs func() uint64
	// LeaseEndangered is called, once per episode, when the lease may end before long
	// because it could not be renewed for this time.
	LeaseEndangered func(since time.Duration)
	// Running returns the ids of the tasks that run, by type and run list.
	Running func() map[string]map[int]string
	// Audited receives, for each type on record, the tasks that ran before Redis was
	// asked, and the run lists that are not empty. takenOver is set if another host
	// has moved entries of this instance.
	Audited func(taskType string, running map[int]string, filled []int, takenOver bool)
}

// request puts run lists on record.
type request struct {
	ctx   context.Context
	types map[string]store.InstanceType
	done  chan error // holds one value
}

// NewRegistrar returns the registrar of an instance. Connect has to be called before
// anything else but Register.
func NewRegistrar(keys store.Keys, self store.Instance, h *loop.Health, t store.Times, owner Owner) *Registrar {
	r := &Registrar{
		keys: keys, health: h.Source(), audits: h.Source(), times: t, owner: owner,
		requests: make(chan request), doubt: make(chan struct{}, 1),
	}
	r.marks.audited = time.Now()
	r.instance.Store(&self)
	return r
}

// Connect sets the client, whose connections all begin with Register.
func (r *Registrar) Connect(client *store.Client) {
	r.client, r.link = client, client.UrgentLink()
}

// Link is the registrar's connection. Nobody else may use it once Run is called.
func (r *Registrar) Link() *store.Link { return r.link }

// Register puts the instance on record. Every new connection begins with it: a Redis
// that was restarted may have lost the record, and an entry that was taken before the
// record is back would be found by nobody.
func (r *Registrar) Register(c *store.Conn) error {
	found, err := c.Register(r.keys, *r.instance.Load(), r.times.Lease, r.owner.Runs())
	if err == nil && r.heard(found) {
		r.wake()
	}
	return err
}

// Run renews the lease until ctx ends. It leaves the connection open, for Deregister.
func (r *Registrar) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := bootTicker(ctx, r.times.Renewal())
	r.renewed = bootTime()
	var pace loop.Pacer
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return r.Close()
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

// Hangs returns an error if the registrar does not move.
func (r *Registrar) Hangs() error { return loop.Hangs("the registrar", r.link.BusyUntil()) }

// Close closes the connection. It may be used again.
func (r *Registrar) Close() error { return loop.CloseLink(r.link) }

// round renews the lease, and audits the run lists if there is reason to. After a
// failure it returns when to try again.
func (r *Registrar) round(ctx context.Context, pace *loop.Pacer) <-chan time.Time {
	err := r.renew(ctx)
	if err == nil {
		err = r.checkMarks(ctx)
	}
	if err != nil {
		return time.After(pace.Next())
	}
	pace.Reset()
	return nil
}

// Reserve returns when Redis has run lists for these types on record; only then may
// they be used.
func (r *Registrar) Reserve(ctx context.Context, types map[string]store.InstanceType) error {
	req := request{ctx: ctx, types: types, done: make(chan error, 1)}
	select {
	case r.requests <- req:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := <-req.done; err != nil {
		return fmt.Errorf("register this instance in redis: %w", err)
	}
	return nil
}

// extend puts types and further run lists on record, and tries until ctx ends. Run lists
// that are on record stay: they may hold entries. After an error the record is as
// before: running tasks continue under the old configuration, on_crash above all.
func (r *Registrar) extend(ctx context.Context, types map[string]store.InstanceType) error {
	before := r.instance.Load()
	next := *before
	next.Types = maps.Clone(next.Types)
	for name, t := range types {
		t.Lists = max(t.Lists, next.Types[name].Lists)
		next.Types[name] = t
	}
	r.instance.Store(&next)
	var pace loop.Pacer
	for {
		err := r.renew(ctx)
		if ctx.Err() == nil && err == nil {
			return nil
		}
		if ctx.Err() != nil {
			r.instance.Store(before)
			if err == nil { // it came too late: the caller has given up
				return errors.Join(context.Cause(ctx), r.takeBack())
			}
			return err
		}
		pace.Wait(ctx)
	}
}

// takeBack restores the record that was there before an extension that came too late.
func (r *Registrar) takeBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), r.times.IO)
	defer cancel()
	return r.renew(ctx)
}

// renew tries to renew the lease. The lease may be in danger long before an attempt
// fails, which may hang at one sentinel after the other.
func (r *Registrar) renew(ctx context.Context) error {
	asked := bootTime()
	checked := make(chan struct{})
	timer := time.AfterFunc(max(r.times.Danger()-(asked-r.renewed), r.times.StopGrace()), func() {
		defer close(checked)
		r.checkLease()
	})
	var found store.Renewal
	err := r.link.Use(ctx, func(c *store.Conn) (err error) {
		found, err = c.Renew(r.keys, *r.instance.Load(), r.times.Lease, r.owner.Runs())
		return err
	})
	if !timer.Stop() {
		<-checked
	}
	r.health.Report(err)
	if err != nil {
		r.checkLease()
		return err
	}
	r.heard(found)
	r.mu.Lock()
	r.steady.renewed(asked, found.Server, r.times.Gap())
	r.mu.Unlock()
	r.renewed, r.lost = asked, false
	return nil
}

// checkLease calls LeaseEndangered if the lease may end before long.
func (r *Registrar) checkLease() {
	if since := bootTime() - r.renewed; !r.lost && since >= r.times.Danger() {
		r.lost = true
		r.owner.LeaseEndangered(since)
	}
}

// errNotEmpty keeps an instance on record.
var errNotEmpty = errors.New("its run lists contain entries that were removed: redis was restored to an older state")

// Deregister takes the instance off the record. It follows after Run has returned and all
// run lists were seen empty. They are looked at once more: an older state of Redis (a
// snapshot, a promoted replica) may have filled a list that was not used since, and only
// recovery would find it.
func (r *Registrar) Deregister(ctx context.Context) error {
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
		err = fmt.Errorf("deregister this instance: %w", err)
	}
	return err
}
