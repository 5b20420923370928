package taskqueue

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// Redis closes the connection on which a string comes that is longer than its
// proto-max-bulk-len, which an administrator may have lowered to 1 MiB. Nothing tells
// that limit to a user without the right to CONFIG. So the finisher finds out by trying
// that a record is too large, and the worker makes a smaller result. The last one sends
// none of the entry: Redis moves what it has.

// recorded adds the record of a failure to a result.
func (w *worker) recorded(log *slog.Logger, r result, f entry.Failure) result {
	r.record = failedRecord(w.payload, f)
	if r.record == nil {
		log.Warn("the entry is too large for an error_message: it stands on the failed list as it is")
		return r
	}
	r.smaller = func() result {
		log := log.With("bytes", len(r.record))
		r.effect = noEffect // it has had it
		short := f
		if short.Message, _, _ = strings.Cut(f.Message, "\n"); short.Message != f.Message {
			log.Warn("redis does not take the record of a failure, the output is left out")
			return w.recorded(log, r, short)
		}
		log.Error("redis does not take the record of a failure, the entry is on the failed list as it is")
		r.record, r.smaller = nil, nil
		return r
	}
	return r
}

// cannotWait is what becomes of an entry that was to be put off, where Redis does not
// take it with a note of its past.
func (w *worker) cannotWait(v verdict, what string, bytes int) result {
	v.fault = strings.TrimLeft(fmt.Sprintf("%s\n%s: redis does not take the entry with what gordon notes on it, %d bytes", v.fault, what, bytes), "\n")
	w.counters.Abandoned(w.task.Type)
	log := w.log.With(v.attributes()...).With(output.KeyError, excerpt(v.told+v.fault))
	log.Error(headline(v.outcome), output.KeyMessageID, messageID(v.outcome))
	r := w.fail(log, v)
	r.effect = noEffect // it has had it
	return r
}

// fail is what becomes of an entry that failed and does not run again.
func (w *worker) fail(log *slog.Logger, v verdict) result {
	r := result{slot: w.slot, how: store.Drop, effect: failed}
	if v.outcome == outcomeCancelled || v.outcome == outcomeCrashed {
		r.effect = noEffect // nothing has failed now
	}
	if v.outcome != outcomeCancelled {
		// Before the entry leaves its run list: power loss here repeats the entry
		// and the notice, the other way round the notice would be lost.
		w.notify(v.fault)
	}
	ttl := w.task.Failed.TTL
	if v.neverRan() {
		ttl = max(ttl, store.NeverRan)
	}
	if ttl <= 0 {
		return r
	}
	r.how, r.ttl = store.Fail, ttl
	return w.recorded(log, r, v.failure(w.id))
}
