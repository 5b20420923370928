package taskqueue

import "sync"

// budget counts how many tasks of one type run or are being waited for. It is
// shared by the queues that serve the type before and after a reload that moved
// to another Redis, so that workers = 1 holds across it as well.
type budget struct {
	mu      sync.Mutex
	used    int
	waiting map[chan<- struct{}]bool
}

func newBudget() *budget { return &budget{waiting: make(map[chan<- struct{}]bool)} }

// acquire takes one of limit places. When there is none, wake gets a value once
// one may be free.
func (b *budget) acquire(limit int, wake chan<- struct{}) bool {
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

// within tells whether the places in use are no more than limit.
func (b *budget) within(limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used <= limit
}

// release gives a place back.
func (b *budget) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used--
	for wake := range b.waiting {
		select {
		case wake <- struct{}{}:
		default: // woken already
		}
	}
	clear(b.waiting)
}
