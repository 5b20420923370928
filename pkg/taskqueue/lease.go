package taskqueue

import "time"

// leaseTTL is how long an instance counts as alive after it was last heard of.
const leaseTTL = 30 * time.Second

// lease holds the times that follow from how long a lease lasts.
type lease struct{ ttl time.Duration }

// renew is how often the lease is renewed: two renewals may fail before it is
// gone.
func (l lease) renew() time.Duration { return l.ttl / 3 }

// watched is how long a connection must have been up without a break before
// the missing lease of another instance means anything: longer than a lease,
// as Redis may have lost the lease itself when it was restarted.
func (l lease) watched() time.Duration { return l.ttl + l.ttl/6 }

// revival is how long an instance is given to come back whose connections were
// closed because it is taken for dead: it renews its lease meanwhile.
func (l lease) revival() time.Duration { return l.ttl / 2 }

// danger is when a lease that was not renewed counts as lost for our own tasks
// (on_lease_loss): early enough to stop them before another host may start
// their entries, after an attempt that may have hung, and stopGrace.
func (l lease) danger() time.Duration { return l.ttl / 2 }

// stopGrace is the time from SIGTERM to SIGKILL for those tasks.
func (l lease) stopGrace() time.Duration { return l.ttl / 10 }
