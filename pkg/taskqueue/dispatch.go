package taskqueue

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/membership"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// How a queue takes entries and starts them. All of it runs on the queue's goroutine.

// dispatch gives the fetcher an order if a slot is free and an entry is wanted, and
// withdraws the order if none is wanted any more.
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
	if s == nil || q.returning != nil || !q.reserve(s) {
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

// wanted reports whether entries may be taken now.
func (q *queue) wanted() bool {
	return !q.draining && !q.paused && !q.resting() && q.fitness.admits(q.workers, time.Now()) && q.budget.Within(q.plan.Workers)
}

func (q *queue) resting() bool { return time.Now().Before(q.rest) }

// freeSlot returns the free slot with the lowest index, or nil.
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

// proceed starts the entry of a slot, or releases the slot's place if there is none.
func (q *queue) proceed(s *slot) {
	switch {
	case s.state == free:
		q.backlogged = q.backlogged && !s.permitted
		q.release(s)
	case s.note.Past && s.note.Fail:
		q.start(s) // which only fails it: back in its queue, it would run
	case !q.mayStart(s):
		q.release(s)
		q.returning = s
		q.report(task.Result{Slot: s.index, How: store.Return})
	default:
		if s.note.Past {
			q.log.Warn("a finished entry runs again: redis was restored to an older state in which it was running")
		}
		q.start(s)
	}
}

// mayStart reports whether the entry of a slot may run, and reserves a place and a permit
// for it. It may not run if it came at the very moment of the stop, the pause or the rest,
// under an on_crash that has changed, or while it is not the turn of this type. It then
// goes back to its queue, because another host may run it now.
func (q *queue) mayStart(s *slot) bool {
	if q.draining || q.paused || !q.fitness.admits(q.workers, time.Now()) {
		return false
	}
	return s.note.Fail == q.plan.FailOnCrash() && q.reserve(s) && q.tryStart(s)
}

// reserve takes a place in the budget for a slot that has none.
func (q *queue) reserve(s *slot) bool {
	s.reserved = s.reserved || q.budget.Acquire(q.plan.Workers, q.wake)
	return s.reserved
}

// release gives up all that is reserved for the next task of a slot.
func (q *queue) release(s *slot) {
	if s.reserved {
		q.budget.Release()
	}
	s.reserved = false
	q.releaseUnused(s)
}

// start runs the entry of a slot.
func (q *queue) start(s *slot) {
	s.task = membership.TaskID(q.id, q.name, s.note.Number)
	w := &task.Worker{
		Plan: q.plan, Log: q.log.With(output.KeyTaskID, s.task),
		Abort: q.stop.abort.ctx, Kill: q.stop.kill.ctx, Drained: q.stages.drain.ctx,
		Registry: &q.registry, Guesses: &q.guesses, Chance: rand.Float64, Tried: q.judgeHost,
	}
	run := &task.Run{Type: q.name, ID: s.task, Slot: s.index, Payload: s.entry, Note: s.note}
	q.work(func() task.Result { return w.Do(run) })
}

// work has a worker of its own make a result.
func (q *queue) work(do func() task.Result) {
	q.workers++
	go func() { q.results <- do() }()
}
