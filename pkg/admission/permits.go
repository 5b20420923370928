package admission

import "sync"

// Share is the claim of a task type to permits, as priority and weight of the
// configuration have it.
type Share struct {
	Priority int
	// Weight is 1 or more.
	Weight int
}

// Permits hands out the permits of max_running and counts the tasks of all types
// that hold one. All engines of a daemon share it, so that the limit holds across a
// reload to another Redis. It is safe for concurrent use.
//
// A permit is for one task, from the decision to start the task until its process
// has exited. A queue that only waits for an entry holds none.
type Permits struct {
	mu         sync.Mutex
	limit      int // max_running; 0 for no limit
	used       int
	closed     bool // between Configure and Open
	shares     *shares
	accounts   map[string]*account
	requesters map[*Requester]bool
}

// Requester is a queue that asks for permits. Its methods are safe for concurrent
// use.
type Requester struct {
	permits *Permits

	// guarded by permits.mu
	account   *account
	wake      chan<- struct{}
	requested int // permits that it could use now
	granted   int // permits that it was given and has not collected yet
}

// NewPermits returns permits without a limit.
func NewPermits() *Permits {
	return &Permits{shares: newShares(), accounts: make(map[string]*account), requesters: make(map[*Requester]bool)}
}

// Configure applies a limit (0 for none) and the shares of all types to the tasks
// that start from now on. No permit is granted until Open is called: all types have to
// have made their requests, or one of a low priority would start first. Payments
// for the former shares are forgotten.
func (p *Permits) Configure(limit int, types map[string]Share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit, p.closed, p.shares = limit, true, newShares()
	p.accounts = make(map[string]*account, len(types))
	for name, t := range types {
		p.accounts[name] = &account{name: name, priority: t.Priority, weight: t.Weight, idle: true}
	}
	for r := range p.requesters {
		p.used -= r.granted
		r.requested, r.granted = r.requested+r.granted, 0
		if a := p.accounts[r.account.name]; a != nil {
			r.account = a
		}
	}
}

// Open grants permits again.
func (p *Permits) Open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = false
	p.grant()
}

// Limited reports whether there is a limit.
func (r *Requester) Limited() bool {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit > 0
}

// Used returns how many permits are held, and how many queues wait for one.
func (p *Permits) Used() (held, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.requesters {
		waiting += min(r.requested, 1)
	}
	return p.used, waiting
}

// Join adds the queue of a configured type. At first the queue counts as one with
// work for as many tasks as it has workers. wake receives a value when a permit was
// granted.
func (p *Permits) Join(taskType string, workers int, wake chan<- struct{}) *Requester {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Requester{permits: p, account: p.accounts[taskType], wake: wake}
	if p.limit > 0 {
		r.requested = workers
		p.shares.arrive(r.account)
	}
	p.requesters[r] = true
	return r
}

// vacant reports whether there is a free permit.
func (p *Permits) vacant() bool { return p.limit == 0 || !p.closed && p.used < p.limit }

// next returns the requester whose turn it is, or nil.
func (p *Permits) next() (next *Requester) {
	for r := range p.requesters {
		if r.requested > 0 && (next == nil || before(r.account, next.account)) {
			next = r
		}
	}
	return next
}

// grant gives free permits to the requesters in their turn.
func (p *Permits) grant() {
	for p.vacant() {
		r := p.next()
		if r == nil {
			return
		}
		p.used++
		r.requested--
		r.granted++
		p.shares.charge(r.account)
		notify(r.wake)
	}
}

// released grants permits after one was given back. Without a limit nobody waits.
func (p *Permits) released() {
	if p.limit > 0 {
		p.grant()
	}
}

// Request asks for up to n permits, earlier requests included, and reports whether
// one was granted, which the caller then holds. The others may be granted later; wake
// receives a value then. A smaller n withdraws requests, and permits that were granted for
// them.
func (r *Requester) Request(n int) bool {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	r.withdraw(n)
	if n == 0 {
		p.released()
		return false
	}
	p.shares.arrive(r.account)
	r.requested = n - r.granted
	p.grant()
	if r.granted == 0 {
		return false
	}
	r.granted--
	return true
}

// withdraw returns the permits that were granted beyond n, and ends all requests.
func (r *Requester) withdraw(n int) {
	for ; r.granted > n; r.granted-- {
		r.permits.used--
		r.permits.shares.refund(r.account)
	}
	r.requested = 0
}

// TryAcquire takes a permit for an entry that has come, and reports whether there
// was one. There is none while other requests wait.
func (r *Requester) TryAcquire() bool {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares.arrive(r.account)
	if !p.vacant() {
		return false
	}
	p.used++
	p.shares.charge(r.account)
	return true
}

// Keep reports whether the permit of a task that has ended is for the next task of
// its type. If so, the type has paid for it; if not, the caller has to call Release.
func (r *Requester) Keep() bool {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares.arrive(r.account)
	if p.limit > 0 {
		if next := p.next(); p.used > p.limit || next != nil && before(next.account, r.account) {
			return false
		}
	}
	p.shares.charge(r.account)
	return true
}

// Release gives back the permit of a task that has ended.
func (r *Requester) Release() {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	p.released()
}

// ReleaseUnused gives back a permit for which there was no task: the type has no
// work.
func (r *Requester) ReleaseUnused() {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	p.shares.refund(r.account)
	r.account.idle = true
	p.released()
}

// Withdraw ends all requests: the type takes no entries now.
func (r *Requester) Withdraw() {
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	r.withdraw(0)
	r.account.idle = true
	p.released()
}

// Leave withdraws for good.
func (r *Requester) Leave() {
	r.Withdraw()
	p := r.permits
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.requesters, r)
}
