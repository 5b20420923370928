package taskqueue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/pkg/admission"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// queue is the actor of one task type: it owns the slots and decides, its fetcher and
// finisher talk to Redis, a worker runs each entry. It does no I/O itself, so that it
// always answers.
//
// Only its goroutine touches the fields below "owned by Run". Others send functions
// through commands.
type queue struct {
	// immutable
	*instance
	name     string // the type
	log      *slog.Logger
	budget   *admission.Budget
	permits  *admission.Requester
	guesses  task.Guesses
	fetcher  *fetcher
	finisher *finisher
	commands chan func()
	results  chan task.Result
	wake     chan struct{}
	over     chan struct{} // closed when Run has ended

	// owned by Run
	plan *task.Plan
	intake
	// stop stops the workers that are started now.
	stop    taskStop
	slots   []*slot
	jobs    []job // for the finisher, not handed over yet
	takes   uint64
	workers int           // that run
	returns []task.Result // held back while workers are being stopped
	full    fullList
}

// intake is the state that decides whether and how a queue takes entries.
type intake struct {
	waiting  *slot // the slot that the fetcher fills, or nil
	withdraw context.CancelFunc
	// backlogged is set while entries probably wait, though none was taken.
	backlogged bool
	// returning is the slot whose entry goes back because it may not run now, or nil.
	// Until it is back, a take would get a later entry.
	returning *slot
	// found are run lists that were seen to hold an entry that no slot knows.
	found    map[int]bool
	backoff  task.Backoff
	rest     time.Time // no take before
	fitness  fitness
	paused   bool      // no take, running tasks continue
	draining bool      // no take, and the queue ends
	giveUp   time.Time // when draining: the end of the wait for the fetcher; zero for none
}

// taskStop stops the tasks of a queue: with the pool, or before that when the lease is
// lost. See [task.Worker].
type taskStop struct{ abort, kill stopSignal }

func (s *stopStages) forTasks() taskStop { return taskStop{s.abort.child(), s.kill.child()} }

func newQueue(e *engine, t *task.Plan, b *admission.Budget) *queue {
	log := e.log.With(output.KeyTaskType, t.Type)
	q := &queue{
		instance: &e.instance, name: t.Type, log: log, budget: b,
		fetcher:  newFetcher(e.keys, e.client.Link(), e.health.Source(), log, e.times),
		finisher: newFinisher(e.keys, e.client.Link(), e.health, log, e.times),
		commands: make(chan func()), results: make(chan task.Result), wake: make(chan struct{}, 1), over: make(chan struct{}),
		plan: t, stop: e.stages.forTasks(), intake: intake{backlogged: true, found: make(map[int]bool)},
	}
	q.permits = e.permits.Join(t.Type, t.Workers, q.wake)
	q.grow(t.Workers)
	return q
}

// Run serves the type until it was drained and all its slots are free, or until ctx ends.
// With ctx, unconfirmed results are given up; workers are waited for in any case.
func (q *queue) Run(ctx context.Context) error {
	defer close(q.over)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range q.actors() {
		group.Go(func() error { return a.Run(ctx) })
	}
	for !q.done() && ctx.Err() == nil {
		q.dispatch()
		q.step(ctx)
	}
	for ; q.workers > 0; q.workers-- {
		s := q.slots[(<-q.results).Slot]
		q.releasePermit(s)
		q.release(s)
	}
	cancel()
	if q.waiting != nil {
		q.withdraw()
	}
	q.permits.Leave()
	q.stop.abort.stop()
	q.stop.kill.stop()
	err := group.Wait()
	q.health.SetUnfit(q.name, false)
	return err
}

// actors talk to Redis for the queue.
func (q *queue) actors() []actor { return []actor{q.fetcher, q.finisher} }

// step waits for one event and handles it.
func (q *queue) step(ctx context.Context) {
	var hand chan<- []job
	if len(q.jobs) > 0 {
		hand = q.finisher.jobs
	}
	var alarm <-chan time.Time
	if d := q.untilAlarm(); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case t := <-q.fetcher.taken:
		q.taken(t)
	case r := <-q.results:
		q.workers--
		q.settle(r)
	case hand <- q.jobs:
		q.jobs = nil
	case done := <-q.finisher.done:
		for _, c := range done {
			q.confirmed(c)
		}
	case f := <-q.commands:
		f()
	case <-q.wake:
	case <-alarm:
	case <-ctx.Done():
	}
}

// untilAlarm is the time until the queue has to decide again without any event; 0 is for
// never.
func (q *queue) untilAlarm() time.Duration {
	if q.draining {
		return time.Until(q.giveUp)
	}
	return max(time.Until(q.rest), time.Until(q.fitness.restsUntil()))
}

// done reports whether nothing is left to do after a drain.
func (q *queue) done() bool {
	if !q.draining || q.busy() {
		return false
	}
	return q.waiting == nil || !q.giveUp.IsZero() && !time.Now().Before(q.giveUp)
}

// busy reports whether a task runs or its result is not confirmed yet.
func (q *queue) busy() bool {
	return slices.ContainsFunc(q.slots, func(s *slot) bool { return s.state == running || s.state == finishing })
}

// clean reports, after Run, whether every run list is known to be empty.
func (q *queue) clean() bool { return !q.busy() && q.waiting == nil }

// current names the run list of a slot that holds its entry.
func (q *queue) current(s *slot) store.RunList {
	return store.RunList{Type: q.name, Instance: q.id, List: s.current(), Note: s.note}
}

// other names the run list of a slot that the next entry goes to, with the note that it is
// to have. The number of a run that did not come is used again if it is the newest. So
// numbers are in the order in which runs begin, apart from those that wait for an entry,
// and have few gaps.
func (q *queue) other(s *slot) store.RunList {
	if s.next.Number == 0 || !s.kept && s.next.Number != q.runs.Load() {
		s.next.Number = q.runs.Add(1)
	}
	s.next.Fail = q.plan.FailOnCrash()
	return store.RunList{Type: q.name, Instance: q.id, List: s.other(), Note: s.next}
}

// configure applies a plan to what starts from now on, and serves the type (again). It
// returns false if the queue has ended.
func (q *queue) configure(t *task.Plan) bool {
	return q.do(func() {
		if t.Backoff != q.plan.Backoff {
			q.backoff, q.rest = task.Backoff{}, time.Time{}
		}
		q.plan, q.draining, q.giveUp = t, false, time.Time{}
		q.fitness.endRest() // the cause may have been removed
		q.grow(t.Workers)
	})
}

// stopRunning stops all tasks that run now, with some time to obey. Their entries go back;
// entries that are taken afterwards run as usual.
func (q *queue) stopRunning(grace time.Duration) {
	q.do(func() {
		q.stop.abort.stop()
		time.AfterFunc(grace, q.stop.kill.stop)
		q.stop = q.stages.forTasks()
	})
}

// grow adds slots. None is removed: slots beyond the number of workers stay free, because
// the budget bounds the tasks.
func (q *queue) grow(n int) {
	for i := len(q.slots); i < n; i++ {
		q.slots = append(q.slots, &slot{index: i})
	}
}

// pause makes the queue take no entries, or take them again.
func (q *queue) pause(on bool) {
	q.do(func() { q.paused = on })
}

// drain makes the queue take no entries, and end when its tasks have ended.
func (q *queue) drain() {
	q.do(func() {
		q.draining, q.rest = true, time.Time{}
		// Redis may not answer for long, and no task runs in these slots.
		for _, s := range q.slots {
			if s.state == taking || s.state == finishing {
				q.release(s)
			}
		}
	})
}

// boundWait limits how long a draining queue waits for its fetcher to takeTimeout.
func (q *queue) boundWait() {
	q.do(func() { q.giveUp = time.Now().Add(takeTimeout) })
}

// takeTimeout is how long the end of an engine waits for the fetchers alone, that is, while
// Redis does not answer. An entry that did come meanwhile stays in its run list, from
// where recovery brings it back. But recovery does not look there as long as the instance
// lives, so that the queue of a removed type waits without a limit.
const takeTimeout = 2 * time.Second

// hangs returns an error if the queue or one of its actors does not move.
func (q *queue) hangs(ctx context.Context) error {
	select {
	case q.commands <- func() {}:
	case <-q.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the queue of type %q hangs", q.name)
	}
	for _, a := range q.actors() {
		if err := a.Hangs(); err != nil {
			return fmt.Errorf("type %q: %w", q.name, err)
		}
	}
	return nil
}

// do runs f on the queue's goroutine. It returns false if the queue has ended.
func (q *queue) do(f func()) bool {
	done := make(chan struct{})
	select {
	case q.commands <- func() { defer close(done); f() }:
		<-done
		return true
	case <-q.over:
		return false
	}
}
