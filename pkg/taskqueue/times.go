package taskqueue

import "time"

// Times are the times of the protocol between an instance, Redis and the other
// instances. All hosts of a queue_key should have the same. Tests pass shorter ones.
type Times struct {
	// Lease is how long an instance counts as alive after its last renewal. Redis
	// counts it in whole ms.
	Lease time.Duration
	// IO bounds a command and a connection attempt.
	IO time.Duration
	// Block bounds one BLMOVE. A BLMOVE returns at once when an entry comes; the
	// bound makes an idle connection prove that it works, six times a minute. The
	// loss of one behind a firewall that dropped its state is noticed after another
	// IO, which is as late as the kernel notices a peer that is gone (see store's
	// dialer).
	Block time.Duration
	// Ping is the interval at which an idle subscription proves that it works.
	Ping time.Duration
	// Look bounds the wait for entries that are due: clocks may be set, and machines
	// sleep.
	Look time.Duration
	// Start is how long a start is tried again that failed for want of memory,
	// processes or descriptors, or because the script is being written: nothing that
	// the entry is to blame for. 0 is the default.
	Start time.Duration
}

// DefaultTimes returns the times that gordon ships with.
func DefaultTimes() Times {
	return Times{Lease: 30 * time.Second, IO: 5 * time.Second, Block: 10 * time.Second, Ping: 20 * time.Second, Look: time.Minute, Start: time.Minute}
}

// renew is how often the lease is renewed: two renewals may fail before it is
// gone.
func (t Times) renew() time.Duration { return t.Lease / 3 }

// gap is the longest time between two renewals that counts as none: any lease that was
// renewed in time outlives it.
func (t Times) gap() time.Duration { return t.Lease / 2 }

// watched is how long this instance must have renewed its own lease without a gap,
// with the same run of the server, before the missing lease of another instance means
// anything: longer than a lease, as Redis may have lost the lease itself when it was
// restarted, or nobody could reach Redis.
func (t Times) watched() time.Duration { return t.Lease + t.Lease/6 }

// revival is how long an instance is given to come back whose connections were
// closed because it is taken for dead: it renews its lease meanwhile.
func (t Times) revival() time.Duration { return t.Lease / 2 }

// danger is when a lease that was not renewed counts as lost for our own tasks
// (on_lease_loss): early enough to stop them before another host may start
// their entries, after an attempt that may have hung, and stopGrace.
func (t Times) danger() time.Duration { return t.Lease / 2 }

// stopGrace is the time from SIGTERM to SIGKILL for those tasks.
func (t Times) stopGrace() time.Duration { return t.Lease / 10 }

// silence is how long a subscription may be silent, although it is pinged.
func (t Times) silence() time.Duration { return t.Ping + t.IO }
