package taskqueue

import (
	"context"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// How this instance learns that its run lists are not what it thinks: others took
// over entries while it was cut off or stood still, or Redis has lost writes.

// marks is what was found in Redis with the last renewal, or greeting of a connection.
type marks struct {
	taken  string
	server string
	// robbed and unsure are reasons for an audit: entries were taken over; anything
	// may be otherwise.
	robbed, unsure bool
	// audited is when the last audit began.
	audited time.Time
}

// heard notes what Redis has told, and reports whether that calls for an audit.
func (r *registrar) heard(found store.Renewal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.marks
	m.robbed = m.robbed || found.Taken != "" && found.Taken != m.taken
	m.unsure = m.unsure || m.server != "" && found.Server != m.server || r.client.BrokeSince(m.audited)
	m.taken, m.server = found.Taken, found.Server
	return m.robbed || m.unsure
}

// recheck has the run lists audited soon.
func (r *registrar) recheck() {
	r.mu.Lock()
	r.marks.unsure = true
	r.mu.Unlock()
	r.wake()
}

func (r *registrar) wake() {
	select {
	case r.doubt <- struct{}{}:
	default: // it knows
	}
}

// check has the run lists audited if there is reason to.
func (r *registrar) check(ctx context.Context) error {
	r.mu.Lock()
	before := r.marks
	r.marks.robbed, r.marks.unsure = false, false
	if before.robbed || before.unsure {
		r.marks.audited = time.Now()
	}
	r.mu.Unlock()
	if !before.robbed && !before.unsure {
		return nil
	}
	err := r.audit(ctx, before.robbed)
	r.audits.Report(err)
	if err != nil {
		r.mu.Lock()
		r.marks.robbed, r.marks.unsure = r.marks.robbed || before.robbed, r.marks.unsure || before.unsure
		r.mu.Unlock()
	}
	return err
}

// filled returns which run lists of a type are not empty.
func (r *registrar) filled(c *store.Conn, taskType string, lists int) (filled []int, err error) {
	for first := 0; first < lists; first += store.FilledBatch {
		some, err := c.Filled(r.keys, taskType, r.instance.Load().ID, first, lists)
		if err != nil {
			return nil, err
		}
		filled = append(filled, some...)
	}
	return filled, nil
}

// steadiness is since when this instance could renew its lease again and again, with
// the same run of the same server. Whoever else lives could do so in that time.
type steadiness struct {
	server      string
	since, last time.Duration // of [bootTime]
}

// renewed notes a renewal; gap is how far apart two may be at most.
func (s *steadiness) renewed(at time.Duration, server string, gap time.Duration) {
	if server != s.server || at-s.last > gap {
		s.server, s.since = server, at
	}
	s.last = at
}

// steadily returns for how long renewals have succeeded without a gap, and with which
// server; 0 if the last one is too long ago.
func (r *registrar) steadily() (server string, long time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := bootTime()
	if r.steady.server == "" || now-r.steady.last > r.times.gap() {
		return "", 0
	}
	return r.steady.server, now - r.steady.since
}
