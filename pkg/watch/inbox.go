package watch

import (
	"sync"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// inbox holds the changes that were received and not read yet.
type inbox struct {
	// ready has a value when there may be changes.
	ready chan struct{}

	mu      sync.Mutex
	changes []store.Change
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (i *inbox) put(c store.Change) {
	i.mu.Lock()
	i.changes = append(i.changes, c)
	i.mu.Unlock()
	select {
	case i.ready <- struct{}{}:
	default: // there is a value already
	}
}

func (i *inbox) take() []store.Change {
	i.mu.Lock()
	defer i.mu.Unlock()
	changes := i.changes
	i.changes = nil
	return changes
}
