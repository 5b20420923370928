package taskqueue

import (
	"cmp"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// How a queue reports results to Redis and frees its slots. All of it runs on the queue's
// goroutine.

// settle handles a worker's result.
func (q *queue) settle(r task.Result) {
	s := q.slots[r.Slot]
	if q.draining {
		// The process is gone. The place is for a process, not for the report to Redis.
		q.releasePermit(s)
		q.release(s)
	}
	switch {
	case r.How == store.Return && q.draining:
		// All tasks that were stopped go back together, in their old order.
		q.returns = append(q.returns, r)
		if q.workers == 0 {
			q.giveBack()
		}
		return
	case r.Effect == task.Failed:
		q.rest = time.Now().Add(q.backoff.Failed(q.plan.Backoff))
	case r.Effect == task.Succeeded:
		q.backoff.Succeeded()
	}
	q.report(r)
	if q.workers == 0 && len(q.returns) > 0 {
		q.giveBack()
	}
}

// giveBack returns entries to the head of the queue, the oldest last, so that it is the
// first again.
func (q *queue) giveBack() {
	slices.SortFunc(q.returns, func(a, b task.Result) int { return cmp.Compare(q.slots[b.Slot].since, q.slots[a.Slot].since) })
	for _, r := range q.returns {
		q.report(r)
	}
	q.returns = nil
}

// report makes the finisher carry a result to Redis, and take the next entry into the slot
// if one is wanted and it is the turn of this type again.
func (q *queue) report(r task.Result) {
	s := q.slots[r.Slot]
	s.finish()
	next := q.wanted() && r.How != store.Return && s.permitted && q.permits.Keep()
	if !next {
		q.releasePermit(s)
		q.backlogged = true
	}
	op := store.Finish{
		Run: q.current(s), How: r.How, Record: r.Record, Keep: q.plan.Keep(r.TTL), Due: r.Due, After: r.After,
		TakeNext: next, Next: s.other(),
	}
	if next {
		op.NextNote = q.other(s).Note
	}
	q.jobs = append(q.jobs, job{slot: s.index, op: op, smaller: r.Smaller})
}

// confirmed handles the answer of Redis to a job.
func (q *queue) confirmed(c confirmation) {
	s := q.slots[c.job.slot]
	if c.refused {
		q.releaseUnused(s)
		return
	}
	if c.tooLarge {
		s.reconsider()
		q.work(c.job.smaller)
		return
	}
	if s == q.returning {
		q.returning = nil
	}
	if c.gone && (c.sure || q.leaseLost.Load()) {
		q.log.Warn("the entry of a finished task was not in its run list: another host took it over or redis lost it",
			output.KeyTaskID, s.task)
	}
	if n := q.full.dropped(c.dropped, time.Now()); n > 0 {
		q.log.Warn("the failed list is full: its oldest records were removed (failed_tasks_max, failed_tasks_max_size)", "records", n)
	}
	q.takes++
	q.memory.Used(len(s.entry))
	s.finished(c.taken, q.takes)
	q.proceed(s)
}

// fullList counts the records that a full failed list has dropped, so that the log
// mentions it now and then.
type fullList struct {
	records int // dropped since logged
	logged  time.Time
}

// fullPause is the interval at which the log mentions that the failed list of a type is
// full.
const fullPause = 10 * time.Minute

// dropped adds n records, and returns how many are to be logged now.
func (f *fullList) dropped(n int, now time.Time) (logged int) {
	if f.records += n; f.records == 0 || n == 0 || now.Sub(f.logged) < fullPause {
		return 0
	}
	logged, f.records, f.logged = f.records, 0, now
	return logged
}
