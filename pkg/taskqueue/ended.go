package taskqueue

import "sync"

// ended are the instances of this process that have ended and are still on record:
// a reload moved away from a Redis that did not answer. The process lives, so that
// everybody else takes them for alive; who comes back to that Redis knows better.
type ended struct {
	mu  sync.Mutex
	ids map[string]bool
}

func newEnded() *ended { return &ended{ids: make(map[string]bool)} }

func (e *ended) add(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ids[id] = true
}

func (e *ended) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ids[id]
}
