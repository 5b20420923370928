package taskqueue

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

const (
	// largeEntry is how large an entry is, in bytes, whose memory is given back
	// once it is done.
	largeEntry = 8 << 20
	// settleDown is how long that may wait: until the last one has let go of the
	// entry, and so that many large entries cost one collection a second.
	settleDown = time.Second
)

// memory gives back what large entries took. Go collects garbage when as much
// again has been allocated, which after an entry of 512 MB may be never in a
// daemon that idles, and its own collection every 2 min leaves the pages with the
// process for some time more.
type memory struct{ due atomic.Bool }

// used notes that an entry of this many bytes is done with.
func (m *memory) used(bytes int) {
	if bytes < largeEntry || !m.due.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(settleDown, func() {
		m.due.Store(false)
		debug.FreeOSMemory()
	})
}

// keep is what bounds the failed list of a task.
func keep(t config.Task, ttl time.Duration) store.Keep {
	return store.Keep{TTL: ttl, Records: t.Failed.Max, Bytes: int64(t.Failed.MaxSize)}
}

// failedRecord is what stands on the failed list for an entry, or nil where that
// would be longer than Redis takes: then the entry itself has to stand there.
func failedRecord(raw []byte, f entry.Failure) []byte {
	return entry.FailedWithin(store.MaxString, raw, f)
}
