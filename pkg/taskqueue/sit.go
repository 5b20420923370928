package taskqueue

// How a queue goes about the seats of max_running; without max_running it has
// one whenever it asks.
//
// A queue that is hungry, that is, thought to have entries, claims a seat, and
// takes an entry without waiting for one when it was given the seat. When there
// was none, it gives the seat back and waits for entries without a seat. One that
// comes then, while it is not the turn of this type, goes back to the head of its
// queue at once, and the queue is hungry. So what stands in a run list runs, or
// is on its way there or back.

// rationed tells whether the next entry needs a seat before it is taken.
func (q *queue) rationed() bool {
	if q.hungry && q.claimant.seats.bounded() {
		return true
	}
	q.claimant.claim(0)
	return false
}

// sit claims seats for all entries that could run now, and takes one for a slot.
func (q *queue) sit(s *slot) bool {
	n := q.task.Workers
	for _, other := range q.slots {
		if other.state != free {
			n--
		}
	}
	s.seated = q.claimant.claim(max(n, 0))
	return s.seated
}

// admit tells whether the entry of a slot has a seat, or takes one.
func (q *queue) admit(s *slot) bool {
	s.seated = s.seated || q.claimant.take()
	return s.seated
}

// vacate gives up the seat of a task that has ended.
func (q *queue) vacate(s *slot) {
	if s.seated {
		q.claimant.release()
	}
	s.seated = false
}

// decline gives up a seat that was not used.
func (q *queue) decline(s *slot) {
	if s.seated {
		q.claimant.decline()
	}
	s.seated = false
}
