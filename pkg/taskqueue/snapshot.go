package taskqueue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/task"
)

// TypeState is the present state of one task type.
type TypeState struct {
	Type string
	// Redis is the address of the Redis that its entries come from.
	Redis string
	// Workers is how many tasks may run at once.
	Workers int
	// Running are the tasks that run, the oldest first.
	Running []task.Running
	// Paused is set while the type takes no entries on request.
	Paused bool
	// Draining is set if the type takes no more entries, because it was removed or the
	// daemon stops.
	Draining bool
	// RestsUntil is when entries are taken again after failures; the zero value if the
	// type does not rest.
	RestsUntil time.Time
}

// Snapshot returns the state of every type, sorted by type. It asks nothing of Redis. After
// a reload to another Redis, a type has a state for the old Redis as well as long as its
// tasks run there.
func (p *Pool) Snapshot() []TypeState {
	p.mu.Lock()
	engines := slices.Collect(maps.Keys(p.engines))
	p.mu.Unlock()
	var states []TypeState
	for _, e := range engines {
		states = append(states, e.snapshot()...)
	}
	slices.SortFunc(states, func(a, b TypeState) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Redis, b.Redis))
	})
	return states
}

// snapshot returns the states of the types of one engine.
func (e *engine) snapshot() []TypeState {
	tasks := make(map[string][]task.Running)
	for _, t := range e.registry.Running() {
		tasks[t.Type] = append(tasks[t.Type], t)
	}
	var states []TypeState
	for name, q := range e.list() {
		if s, ok := q.snapshot(); ok {
			s.Redis, s.Running = e.target.String(), tasks[name]
			states = append(states, s)
		}
	}
	return states
}

// snapshot returns the state of the queue; ok is false if it has ended.
func (q *queue) snapshot() (s TypeState, ok bool) {
	ok = q.do(func() {
		s = TypeState{Type: q.name, Workers: q.plan.Workers, Paused: q.paused, Draining: q.draining}
		if rest := later(q.rest, q.fitness.restsUntil()); rest.After(time.Now()) {
			s.RestsUntil = rest
		}
	})
	return s, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
