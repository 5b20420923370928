package admission

import "sync"

// Budget counts the tasks of one type that run or whose entry is being waited for.
// The queues that serve the type before and after a reload to another Redis share
// it, so that `workers` holds for both together. It is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	used    int
	waiting map[chan<- struct{}]bool
}

// NewBudget returns a budget of which nothing is used.
func NewBudget() *Budget { return &Budget{waiting: make(map[chan<- struct{}]bool)} }

// Acquire takes one of limit places and reports whether there was one. If there was
// none, wake receives a value as soon as a place may be free.
func (b *Budget) Acquire(limit int, wake chan<- struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used >= limit {
		b.waiting[wake] = true
		return false
	}
	b.used++
	delete(b.waiting, wake)
	return true
}

// Within reports whether at most limit places are used.
func (b *Budget) Within(limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used <= limit
}

// Release gives a place back.
func (b *Budget) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used--
	for wake := range b.waiting {
		notify(wake)
	}
	clear(b.waiting)
}

// notify sends a value unless one is waiting to be received already.
func notify(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
