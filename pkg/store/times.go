package store

import "time"

// Times are the times of the protocol between an instance, Redis and the other
// instances. All hosts of a queue_key should have the same. Tests pass shorter ones.
type Times struct {
	// Lease is how long an instance counts as alive after its last renewal. Redis
	// counts it in whole ms.
	Lease time.Duration
	// IO limits a command and a connection attempt.
	IO time.Duration
	// Block limits one BLMOVE. A BLMOVE returns at once when an entry comes; the
	// limit makes an idle connection prove that it works, six times a minute. The
	// loss of a connection behind a firewall that dropped its state is noticed after
	// another IO, which is as late as the kernel notices a peer that is gone (see the
	// dialer in redisconn).
	Block time.Duration
	// Ping is the interval at which an idle subscription proves that it works.
	Ping time.Duration
	// Look limits the wait for entries that are due: clocks may be set, and machines
	// sleep.
	Look time.Duration
}

// DefaultTimes returns the times that gordon has by default.
func DefaultTimes() Times {
	return Times{Lease: 30 * time.Second, IO: 5 * time.Second, Block: 10 * time.Second, Ping: 20 * time.Second, Look: time.Minute}
}

// Renewal is the interval at which the lease is renewed: two renewals may fail before
// the lease ends.
func (t Times) Renewal() time.Duration { return t.Lease / 3 }

// Gap is the longest time between two renewals that counts as no gap: every lease that
// was renewed in time outlives it.
func (t Times) Gap() time.Duration { return t.Lease / 2 }

// Watched is how long this instance must have renewed its own lease without a gap, with
// the same run of the server, before the missing lease of another instance has a
// meaning. It is longer than a lease, because Redis may have lost the lease itself when
// it was restarted, or nobody could reach Redis.
func (t Times) Watched() time.Duration { return t.Lease + t.Lease/6 }

// Revival is how long an instance whose connections were closed, because it is taken
// for dead, has to come back: it renews its lease in that time.
func (t Times) Revival() time.Duration { return t.Lease / 2 }

// Danger is when a lease that was not renewed counts as lost for our own tasks
// (on_lease_loss): early enough to stop them before another host may start their
// entries, after an attempt that may have hung, and StopGrace.
func (t Times) Danger() time.Duration { return t.Lease / 2 }

// StopGrace is the time from SIGTERM to SIGKILL for those tasks.
func (t Times) StopGrace() time.Duration { return t.Lease / 10 }

// Silence is how long a subscription may be silent although it is pinged.
func (t Times) Silence() time.Duration { return t.Ping + t.IO }
