package taskqueue

// How a queue uses the permits of max_running. Without max_running there is always a
// permit.
//
// A queue that is backlogged, that is, thought to have entries, requests a permit, and
// takes an entry without waiting for one after the permit was granted. If the queue was
// empty, it gives the permit back and waits for entries without a permit. An entry that
// comes then, while it is not the turn of this type, goes back to the head of its queue
// at once, and the queue is backlogged. So every entry in a run list runs, or is on its
// way there or back.

// needsPermit reports whether the next entry needs a permit before it is taken.
func (q *queue) needsPermit() bool {
	if q.backlogged && q.permits.Limited() {
		return true
	}
	q.permits.Request(0)
	return false
}

// request requests permits for all entries that could run now, and reports whether one
// was granted, which the slot then holds.
func (q *queue) request(s *slot) bool {
	n := q.plan.Workers
	for _, other := range q.slots {
		if other.state != free {
			n--
		}
	}
	s.permitted = q.permits.Request(max(n, 0))
	return s.permitted
}

// tryStart reports whether the entry of a slot has a permit, or acquires one.
func (q *queue) tryStart(s *slot) bool {
	s.permitted = s.permitted || q.permits.TryAcquire()
	return s.permitted
}

// releasePermit gives back the permit of a task that has ended.
func (q *queue) releasePermit(s *slot) {
	if s.permitted {
		q.permits.Release()
	}
	s.permitted = false
}

// releaseUnused gives back a permit that was not used.
func (q *queue) releaseUnused(s *slot) {
	if s.permitted {
		q.permits.ReleaseUnused()
	}
	s.permitted = false
}
