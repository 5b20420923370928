package membership

import (
	"context"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// How this instance learns that its run lists are not as it left them: others took over
// entries while it was cut off or stood still, or Redis has lost writes.

// marks are the answer of Redis to the last renewal or registration.
type marks struct {
	taken  string
	server string
	// takenOver and unsure are reasons for an audit: entries were taken over; anything
	// may have changed.
	takenOver, unsure bool
	// audited is when the last audit began.
	audited time.Time
}

// heard notes an answer of Redis, and reports whether it calls for an audit.
func (r *Registrar) heard(found store.Renewal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &r.marks
	m.takenOver = m.takenOver || found.Takeover != "" && found.Takeover != m.taken
	m.unsure = m.unsure || m.server != "" && found.Server != m.server || r.client.BrokeSince(m.audited)
	m.taken, m.server = found.Takeover, found.Server
	return m.takenOver || m.unsure
}

// Recheck causes an audit of the run lists soon.
func (r *Registrar) Recheck() {
	r.mu.Lock()
	r.marks.unsure = true
	r.mu.Unlock()
	r.wake()
}

func (r *Registrar) wake() {
	select {
	case r.doubt <- struct{}{}:
	default: // it is awake
	}
}

// checkMarks audits the run lists if there is reason to.
func (r *Registrar) checkMarks(ctx context.Context) error {
	r.mu.Lock()
	before := r.marks
	r.marks.takenOver, r.marks.unsure = false, false
	if before.takenOver || before.unsure {
		r.marks.audited = time.Now()
	}
	r.mu.Unlock()
	if !before.takenOver && !before.unsure {
		return nil
	}
	err := r.audit(ctx, before.takenOver)
	r.audits.Report(err)
	if err != nil {
		r.mu.Lock()
		r.marks.takenOver, r.marks.unsure = r.marks.takenOver || before.takenOver, r.marks.unsure || before.unsure
		r.mu.Unlock()
	}
	return err
}

// audit compares the run lists in Redis with the tasks that run here.
func (r *Registrar) audit(ctx context.Context, takenOver bool) error {
	running := r.owner.Running() // before Redis is asked: the entry of a later run is there
	for name, t := range r.instance.Load().Types {
		var filled []int
		if err := r.link.Use(ctx, func(c *store.Conn) (err error) {
			filled, err = r.filled(c, name, t.Lists)
			return err
		}); err != nil {
			return err
		}
		r.owner.Audited(name, running[name], filled, takenOver)
	}
	return nil
}

// filled returns which run lists of a type are not empty.
func (r *Registrar) filled(c *store.Conn, taskType string, lists int) (filled []int, err error) {
	for first := 0; first < lists; first += store.FilledBatch {
		some, err := c.Filled(r.keys, taskType, r.instance.Load().ID, first, lists)
		if err != nil {
			return nil, err
		}
		filled = append(filled, some...)
	}
	return filled, nil
}

// steadiness is since when this instance could renew its lease again and again, with the
// same run of the same server. Every other living instance could do so in that time.
type steadiness struct {
	server      string
	since, last time.Duration // of [bootTime]
}

// renewed notes a renewal; gap is how far apart two renewals may be.
func (s *steadiness) renewed(at time.Duration, server string, gap time.Duration) {
	if server != s.server || at-s.last > gap {
		s.server, s.since = server, at
	}
	s.last = at
}

// Steadily returns for how long renewals have succeeded without a gap, and with which
// run of the server. It returns 0 if the last renewal is too long ago.
func (r *Registrar) Steadily() (server string, long time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := bootTime()
	if r.steady.server == "" || now-r.steady.last > r.times.Gap() {
		return "", 0
	}
	return r.steady.server, now - r.steady.since
}
