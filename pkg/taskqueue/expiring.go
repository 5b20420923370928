package taskqueue

import (
	"context"
	"log/slog"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// A failed list expires. Whoever renames one to its queue, to run all of it again,
// has given the queue that TTL: what waits there would be gone one day, pushed later
// or not. What is taken from such a queue are records of failures, so that nothing
// has to be asked for any other entry.

// outlive removes the TTL of a queue from which a record of a failure came. What it
// meets is not reported: the next take will meet the same.
//
// Power loss here: the entry is in its run list, and the queue keeps its TTL until
// the next record comes.
func outlive(ctx context.Context, link *store.Link, log *slog.Logger, keys store.Keys, taskType string, taken []byte) {
	if !entry.MayBeRecord(taken) {
		return
	}
	expired := false
	err := link.Use(ctx, func(c *store.Conn) (err error) {
		expired, err = c.Persist(keys, taskType)
		return err
	})
	switch {
	case err == nil && expired:
		log.Warn("the queue had a TTL, as one has that was a failed list: it is removed, so that no entry expires", "queue", keys.Queue(taskType))
	case store.Refused(err):
		log.Warn("entries may expire: redis does not let gordon look whether a queue that was a failed list has a TTL",
			"queue", keys.Queue(taskType), output.KeyError, err.Error())
	}
}
