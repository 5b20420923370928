package task

import (
	"fmt"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Redis closes a connection that sends a string longer than its proto-max-bulk-len,
// which an administrator may have lowered to 1 MiB. Without the right to CONFIG nobody
// can ask for that limit. So the caller finds out by trying that a record is too large,
// and then asks for a smaller result. The last of those sends no bytes of the entry:
// Redis moves the entry itself.

// recorded adds the record of a failure to a result.
func (w *Worker) recorded(r *Run, res Result, f entry.Failure) Result {
	res.Record = entry.Failed(store.MaxString, r.Payload, f)
	if res.Record == nil {
		w.failureLog(r).Warn("the entry is too large for an error_message: it is kept unchanged on the failed list")
		return res
	}
	res.Smaller = func() Result {
		log := w.failureLog(r).With("bytes", len(res.Record))
		res.Effect = NoEffect // the first result has had it
		short := f
		if short.Message, _, _ = strings.Cut(f.Message, "\n"); short.Message != f.Message {
			log.Warn("redis refused the failed record; retrying without the output")
			return w.recorded(r, res, short)
		}
		log.Error("redis refused the failed record; the entry is kept unchanged on the failed list")
		res.Record, res.Smaller = nil, nil
		return res
	}
	return res
}

// cannotWait returns the result for an entry that was to be postponed, if Redis does not
// accept it with the note of its past.
func (w *Worker) cannotWait(r *Run, what string, bytes int) Result {
	r.Verdict.Fault = strings.TrimLeft(fmt.Sprintf("%s\n%s: redis refused the entry with gordon's notes (%d bytes)", r.Verdict.Fault, what, bytes), "\n")
	w.counters().Abandoned()
	w.failureLog(r).Error(headline(r.Verdict.Outcome), output.KeyMessageID, messageID(r.Verdict.Outcome))
	res := w.fail(r)
	res.Effect = NoEffect // the first result has had it
	return res
}

// MayBeRecord reports whether an entry may be the record of a failure that was pushed
// back to its queue.
func MayBeRecord(raw []byte) bool { return entry.MayBeRecord(raw) }
