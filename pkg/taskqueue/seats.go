package taskqueue

import (
	"sync"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// seats counts the tasks of all types that run, and hands out the seats of
// max_running. One serves all engines, so that the bound holds across a reload
// that moves to another Redis.
//
// A seat is for one task, from the decision to start it until its process is
// gone. Who merely waits for an entry has none.
type seats struct {
	mu        sync.Mutex
	most      int // max_running; 0 for no bound
	used      int
	closed    bool // between configure and open
	shares    *shares
	accounts  map[string]*account
	claimants map[*claimant]bool
}

// claimant is a queue that asks for seats. Its fields are guarded by seats.mu.
type claimant struct {
	seats   *seats
	account *account
	wake    chan<- struct{}
	claims  int // seats that it could use now
	granted int // seats that it was given and does not know of yet
}

func newSeats() *seats {
	return &seats{shares: newShares(), accounts: make(map[string]*account), claimants: make(map[*claimant]bool)}
}

// configure applies a configuration to what starts from now on, and hands out
// nothing until open is called: all types have to have made their claims, or one
// of a low priority would start first. What was paid is forgotten, as it was
// paid for other shares.
func (s *seats) configure(most int, tasks map[string]config.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.closed, s.shares = most, true, newShares()
	s.accounts = make(map[string]*account, len(tasks))
	for name, t := range tasks {
		s.accounts[name] = &account{name: name, priority: t.Priority, weight: t.Weight, idle: true}
	}
	for c := range s.claimants {
		s.used -= c.granted
		c.claims, c.granted = c.claims+c.granted, 0
		if a := s.accounts[c.account.name]; a != nil {
			c.account = a
		}
	}
}

// open hands out seats again.
func (s *seats) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = false
	s.hand()
}

// bounded tells whether there is a bound at all.
func (s *seats) bounded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most > 0
}

// enter adds the queue of a configured type, which at first counts as one with
// work for so many workers. wake gets a value when it was given a seat.
func (s *seats) enter(taskType string, workers int, wake chan<- struct{}) *claimant {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &claimant{seats: s, account: s.accounts[taskType], wake: wake}
	if s.most > 0 {
		c.claims = workers
		s.shares.arrive(c.account)
	}
	s.claimants[c] = true
	return c
}

// vacant tells whether there is a free seat.
func (s *seats) vacant() bool { return s.most == 0 || !s.closed && s.used < s.most }

// first returns the claimant whose turn it is, or nil.
func (s *seats) first() (first *claimant) {
	for c := range s.claimants {
		if c.claims > 0 && (first == nil || before(c.account, first.account)) {
			first = c
		}
	}
	return first
}

// hand gives free seats to those whose turn it is.
func (s *seats) hand() {
	for s.vacant() {
		c := s.first()
		if c == nil {
			return
		}
		s.used++
		c.claims--
		c.granted++
		s.shares.charge(c.account)
		select {
		case c.wake <- struct{}{}:
		default: // woken already
		}
	}
}

// freed is hand for where no claim was made: without a bound none is left over.
func (s *seats) freed() {
	if s.most > 0 {
		s.hand()
	}
}

// claim asks for up to n seats, where earlier claims are part of n, and returns
// whether there is one now. The others come later, by and by, and wake tells. A
// smaller n gives up claims, and seats that were given for them.
func (c *claimant) claim(n int) bool {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	c.giveUp(n)
	if n == 0 {
		s.freed()
		return false
	}
	s.shares.arrive(c.account)
	c.claims = n - c.granted
	s.hand()
	if c.granted == 0 {
		return false
	}
	c.granted--
	return true
}

// giveUp returns the seats that were given beyond n and not used.
func (c *claimant) giveUp(n int) {
	for ; c.granted > n; c.granted-- {
		c.seats.used--
		c.seats.shares.refund(c.account)
	}
	c.claims = 0
}

// take takes a seat for an entry that has come; there is none while others
// claim it.
func (c *claimant) take() bool {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shares.arrive(c.account)
	if !s.vacant() {
		return false
	}
	s.used++
	s.shares.charge(c.account)
	return true
}

// keep tells whether the seat of a task that has ended is for the next one of
// its type. If so, it is paid for; if not, it has to be released.
func (c *claimant) keep() bool {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shares.arrive(c.account)
	if s.most > 0 {
		if next := s.first(); s.used > s.most || next != nil && before(next.account, c.account) {
			return false
		}
	}
	s.shares.charge(c.account)
	return true
}

// release gives back the seat of a task that has ended.
func (c *claimant) release() {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.freed()
}

// decline gives back a seat for which there was no task: the type has no work.
func (c *claimant) decline() {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.shares.refund(c.account)
	c.account.idle = true
	s.freed()
}

// rest gives up all claims: the type takes nothing now.
func (c *claimant) rest() {
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	c.giveUp(0)
	c.account.idle = true
	s.freed()
}

// leave is rest for good.
func (c *claimant) leave() {
	c.rest()
	s := c.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claimants, c)
}
