package taskqueue

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// What a queue decides: when an entry is taken, what becomes of it, and when a
// slot is free again. All of it runs on the queue's goroutine.

// dispatch gives the fetcher an order when a slot is free and an entry is
// wanted, and withdraws the order when none is wanted any more.
func (q *queue) dispatch() {
	if !q.wanted() {
		q.permits.Withdraw()
		if q.waiting != nil {
			q.withdraw()
		}
		return
	}
	if q.waiting != nil {
		return
	}
	s := q.foundSlot()
	if s == nil {
		s = q.freeSlot()
	}
	if s == nil || q.returning != nil || !q.hold(s) {
		q.permits.Request(0)
		return
	}
	now := q.needsPermit()
	if now && !q.request(s) {
		q.release(s)
		return
	}
	s.take()
	delete(q.found, s.other())
	ctx, cancel := context.WithCancel(context.Background())
	q.waiting, q.withdraw = s, cancel
	q.fetcher.orders <- order{ctx: ctx, run: q.other(s), now: now}
}

// wanted tells whether entries may be taken now.
func (q *queue) wanted() bool {
	return !q.draining && !q.paused && !q.resting() && q.fitness.admits(q.running, time.Now()) && q.budget.Within(q.task.Workers)
}

func (q *queue) resting() bool { return time.Now().Before(q.rest) }

// freeSlot returns the free slot with the lowest index.
func (q *queue) freeSlot() *slot {
	for _, s := range q.slots {
		if s.state == free {
			return s
		}
	}
	return nil
}

// taken handles the fetcher's answer.
func (q *queue) taken(t store.Taken) {
	q.withdraw()
	s := q.waiting
	q.waiting = nil
	q.takes++
	s.taken(t, q.takes)
	q.proceed(s)
}

// proceed starts the entry of a slot, or gives up the slot's place where there
// is none.
func (q *queue) proceed(s *slot) {
	switch {
	case s.state == free:
		q.backlogged = q.backlogged && !s.permitted
		q.release(s)
	case s.note.Past && s.note.Fail:
		q.start(s) // which only fails it: whoever took it from its queue would run it
	case q.draining || q.paused || !q.fitness.admits(q.running, time.Now()) || s.note.Fail != (q.task.OnCrash == config.CrashFail) || !q.hold(s) || !q.tryStart(s):
		// It came in at the very moment of the stop, the pause or the rest, under an
		// on_crash that has changed, or while it is not the turn of this type: back to where
		// it was, for another host may run it now.
		q.release(s)
		q.returning = s
		q.tell(result{slot: s, how: store.Return})
	default:
		if s.note.Past {
			q.log.Warn("an entry whose task has ended runs again: redis came back with an older state, in which it was running")
		}
		q.start(s)
	}
}

// hold takes a place in the budget for a slot that has none.
func (q *queue) hold(s *slot) bool {
	s.placed = s.placed || q.budget.Acquire(q.task.Workers, q.wake)
	return s.placed
}

// letGo gives up all that is held for the next task of a slot.
func (q *queue) release(s *slot) {
	if s.placed {
		q.budget.Release()
	}
	s.placed = false
	q.releaseUnused(s)
}

func (q *queue) start(s *slot) {
	id := taskID(q.instance, q.name, s.note.Number)
	w := &worker{
		task: q.task, settings: q.settings, counters: q.counters, id: id, slot: s, payload: s.entry, note: s.note,
		log:   q.log.With(output.KeyTaskID, id),
		abort: q.abort.ctx, kill: q.kill.ctx, drained: q.ends.drain.ctx,
		roster: q.roster, guesses: &q.guesses, chance: rand.Float64, attempted: q.judgeHost,
	}
	q.running++
	s.task = id
	go func() { q.results <- w.run() }()
}

// taskID names a run: GORDON_TASK_ID, by which its processes are found.
func taskID(instance, taskType string, number uint64) string {
	return instance + "." + taskType + "." + strconv.FormatUint(number, 10)
}

// finish handles a worker's result.
func (q *queue) finish(r result) {
	if q.draining {
		// The process is gone; the place is for one, not for telling Redis.
		q.releasePermit(r.slot)
		q.release(r.slot)
	}
	switch {
	case r.how == store.Return && q.draining:
		// All that were stopped go back together, in their old order.
		q.returns = append(q.returns, r)
		if q.running == 0 {
			q.giveBack()
		}
		return
	case r.effect == failed:
		q.rest = time.Now().Add(q.backoff.failed(q.task.Backoff))
	case r.effect == succeeded:
		q.backoff.succeeded()
	}
	q.tell(r)
	if q.running == 0 && len(q.returns) > 0 {
		q.giveBack()
	}
}

// giveBack puts entries back to the head of the queue, the oldest last, so that
// it comes first again.
func (q *queue) giveBack() {
	slices.SortFunc(q.returns, func(a, b result) int { return cmp.Compare(b.slot.since, a.slot.since) })
	for _, r := range q.returns {
		q.tell(r)
	}
	q.returns = nil
}

// tell has the finisher carry a result to Redis, and take the next entry into
// the slot where one is wanted and it is the turn of this type again.
func (q *queue) tell(r result) {
	r.slot.finish()
	next := q.wanted() && r.how != store.Return && r.slot.permitted && q.permits.Keep()
	if !next {
		q.releasePermit(r.slot)
		q.backlogged = true
	}
	op := store.Finish{
		Run: q.current(r.slot), How: r.how, Record: r.record, Keep: keep(q.task, r.ttl), Due: r.due, After: r.after,
		TakeNext: next, Next: r.slot.other(),
	}
	if next {
		op.NextNote = q.other(r.slot).Note
	}
	q.jobs = append(q.jobs, job{slot: r.slot, op: op, smaller: r.smaller})
}

// finished handles a confirmed result.
func (q *queue) finished(f finished) {
	if f.refused {
		q.releaseUnused(f.job.slot)
		return
	}
	if f.tooLarge {
		f.job.slot.reconsider()
		q.running++
		go func() { q.results <- f.job.smaller() }()
		return
	}
	if f.job.slot == q.returning {
		q.returning = nil
	}
	if f.gone && (f.sure || q.leaseLost.Load()) {
		q.log.Warn("the entry of a task that has ended was no longer in its run list: another host took it over, or redis lost it",
			output.KeyTaskID, f.job.slot.task)
	}
	q.sayDropped(f.dropped)
	q.takes++
	q.memory.used(len(f.job.slot.entry))
	f.job.slot.finished(f.taken, q.takes)
	q.proceed(f.job.slot)
}

// fullPause is how often the log says of a type that its failed list is full.
const fullPause = 10 * time.Minute

// sayDropped tells of records that went off the failed list.
func (q *queue) sayDropped(n int) {
	if q.dropped += n; q.dropped == 0 || n == 0 || time.Since(q.saidFull) < fullPause {
		return
	}
	q.log.Warn("the failed list is full, its oldest records are dropped (failed_tasks_max, failed_tasks_max_size)", "records", q.dropped)
	q.dropped, q.saidFull = 0, time.Now()
}
