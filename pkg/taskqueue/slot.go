package taskqueue

import "github.com/nevsnode/gordon/v2/pkg/store"

// state is the state of a slot.
type state int

const (
	// free: both run lists are known to be empty.
	free state = iota
	// taking: the fetcher may at any moment move an entry into the other list.
	taking
	// running: the entry is in the current list, and a worker runs it.
	running
	// finishing: the finisher reports the result to Redis, which may have moved the
	// next entry into the other list.
	finishing
)

func (s state) String() string {
	return [...]string{"free", "taking", "running", "finishing"}[s]
}

// slot is a place for one running task: a plain state machine that its queue moves.
//
// A slot has two run lists and uses them in turn. A list is filled again only after the
// removal from it was confirmed, and meanwhile the other one is used: so after a lost
// answer two equal entries cannot be mistaken for each other.
type slot struct {
	index int
	state state
	side  int // 0 or 1: the current list
	entry []byte
	task  string // the id of its last run
	// note is that of the current list, next that of the other one. A number that was
	// given for an entry that did not come is for the entry that does.
	note, next store.Note
	// kept is set if Redis may know next already: a result was given up because its
	// connection broke.
	kept bool
	// since numbers the takes of the queue, so that entries that go back keep their
	// order.
	since uint64
	// reserved is set if the slot has a place in the budget of its type.
	reserved bool
	// permitted is set if it holds a permit of max_running.
	permitted bool
}

// listsPerSlot is the number of run lists of a slot.
const listsPerSlot = 2

// current is the number of the run list that holds the entry.
func (s *slot) current() int { return listsPerSlot*s.index + s.side }

// other is the number of the run list that the next entry goes to.
func (s *slot) other() int { return listsPerSlot*s.index + 1 - s.side }

// turn exchanges the lists of a free slot: both are known to be empty, unless Redis
// has filled one again.
func (s *slot) turn() {
	s.move(free, free)
	s.side = 1 - s.side
}

// take begins to wait for an entry.
func (s *slot) take() { s.move(free, taking) }

// taken ends the wait; t has no entry when none came.
func (s *slot) taken(t store.Taken, number uint64) { s.settle(taking, t, number) }

// finish begins to report the result to Redis.
func (s *slot) finish() { s.move(running, finishing) }

// finished ends the report; t has the next entry, or none.
func (s *slot) finished(t store.Taken, number uint64) { s.settle(finishing, t, number) }

// reconsider goes back to the worker: Redis does not accept the result.
func (s *slot) reconsider() {
	s.move(finishing, running)
	s.kept = true
}

// settle goes on with an entry in the other list, or without one.
func (s *slot) settle(from state, t store.Taken, number uint64) {
	if t.Entry == nil {
		s.move(from, free)
		s.entry = nil
		return
	}
	s.move(from, running)
	s.side = 1 - s.side
	s.entry, s.since = t.Entry, number
	s.note, s.next, s.kept = t.Note, store.Note{}, false
}

// move panics on a transition that a slot does not have: only a mistake in this package
// can cause it, and to continue could lose an entry.
func (s *slot) move(from, to state) {
	if s.state != from {
		panic("slot is " + s.state.String() + ", cannot go from " + from.String() + " to " + to.String())
	}
	s.state = to
}
