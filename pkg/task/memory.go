package task

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// largeEntry is the size of an entry, in bytes, from which on its memory is
	// returned to the system once it is done.
	largeEntry = 8 << 20
	// releaseDelay is how long that may wait: until the last user has dropped the
	// entry, and so that many large entries cost one collection a second.
	releaseDelay = time.Second
)

// Memory returns the memory of large entries to the system. Go collects garbage when as
// much again has been allocated, which after an entry of 512 MB may never happen in an
// idle daemon, and its own collection every 2 min leaves the pages with the process
// for some time more. The zero value is ready. It is safe for concurrent use.
type Memory struct{ due atomic.Bool }

// Used notes that an entry of this many bytes is done with.
func (m *Memory) Used(bytes int) {
	if bytes < largeEntry || !m.due.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(releaseDelay, func() {
		m.due.Store(false)
		debug.FreeOSMemory()
	})
}
