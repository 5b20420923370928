package store

import (
	"errors"
	"slices"
	"sync"
)

// ErrMoved is wrapped by what failed because another server has become the master.
var ErrMoved = errors.New("the sentinels name another master")

// master is what a [Client] knows of where its server is, as far as sentinels tell
// that. The zero value is ready.
type master struct {
	mu sync.Mutex
	// sentinel answered last.
	sentinel string
	// address is the last one that a [SentinelWatch] has heard of, "" before, and
	// changes how often that was a new one.
	address string
	changes int
	open    map[*Conn]struct{}
}

// first puts the sentinel that was heard last first.
func (m *master) first(sentinels []string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := max(slices.Index(sentinels, m.sentinel), 0)
	return slices.Concat(sentinels[at:], sentinels[:at])
}

func (m *master) heard(sentinel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sentinel = sentinel
}

func (m *master) changed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// keep has a new connection be left when the master moves. It tells whether that
// has not happened since changes was read.
func (m *master) keep(c *Conn, changes int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes != changes && m.address != c.address {
		return false
	}
	if m.open == nil {
		m.open = make(map[*Conn]struct{})
	}
	m.open[c] = struct{}{}
	return true
}

func (m *master) forget(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, c)
}

// moved leaves every connection to another server than the one at address at once,
// whatever is in flight there. Until the sentinels have told it, the old master
// goes on as one, for about 10 s, and all that it does in that time is discarded.
//
// So it does no harm that a BLMOVE may be in flight, which the old master then
// carries out for a reader that is gone: the entry is still in the queue of the new
// one, and runs once. Were the answer read, it would run twice. And a result that
// may have been told is told again to the new master, as after any lost connection.
// Should the old one be made the master again without having been a replica, the
// entry stands in a run list that is on record: as whatever an older state of
// Redis brings back, it is found before that list is filled again.
func (m *master) moved(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.address == address {
		return
	}
	m.address = address
	m.changes++
	for c := range m.open {
		if c.address != address {
			c.left.Store(true)
			_ = c.netConn.Close() // whoever uses it learns of it there
		}
	}
}
