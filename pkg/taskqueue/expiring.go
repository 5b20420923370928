package taskqueue

import (
	"context"
	"log/slog"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// removeTTL removes the TTL of a queue from which the record of a failure came. A failed
// list expires. If an administrator renames one to its queue, to run all of it
// again, the queue has that TTL: all entries that wait there would be gone one day, whenever they
// were pushed. Only records of failures come from such a queue, so that no command is
// needed for any other entry. An error is not reported: the next take meets it too.
//
// Power loss here: the entry is in its run list, and the queue keeps its TTL until the
// next record comes.
func removeTTL(ctx context.Context, link *store.Link, log *slog.Logger, keys store.Keys, taskType string, taken []byte) {
	if !task.MayBeRecord(taken) {
		return
	}
	expired := false
	err := link.Use(ctx, func(c *store.Conn) (err error) {
		expired, err = c.Persist(keys, taskType)
		return err
	})
	switch {
	case err == nil && expired:
		log.Warn("removed the TTL of the queue (was it renamed from a failed list?); its entries would have expired", "queue", keys.Queue(taskType))
	case store.Refused(err):
		log.Warn("gordon has no permission to remove the TTL of a queue; entries of a renamed failed list may expire",
			"queue", keys.Queue(taskType), output.KeyError, err.Error())
	}
}
