package taskqueue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/pkg/admission"

	"golang.org/x/sync/errgroup"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// queue is the actor of one task type: it owns the slots and decides, its
// fetcher and finisher talk to Redis, a worker runs each entry. It does no I/O
// itself, so that it always answers.
//
// Everything below "owned by Run" is touched by its goroutine only; others send
// functions through commands.
type queue struct {
	// immutable
	name     string // the type
	keys     store.Keys
	instance string
	log      *slog.Logger
	counters *stats.Counters
	budget   *admission.Budget
	health   *loop.Health
	permits  *admission.Requester
	// leaseLost tells whether another host may have taken over entries of this
	// instance.
	leaseLost *atomic.Bool
	memory    *memory
	roster    *roster
	guesses   guesses
	// runs numbers the runs of the instance. Not of the queue: a type that was
	// removed and comes back has a new queue, and a process that its old one
	// left behind must not share its id with a new task.
	runs     *atomic.Uint64
	fetcher  *fetcher
	finisher *finisher
	commands chan func()
	results  chan result
	wake     chan struct{}
	over     chan struct{} // closed when Run has ended
	// ends are those of the pool.
	ends *ends

	// owned by Run
	task     config.Task
	settings *Settings
	// abort and kill end the workers that are started now; see worker. They end
	// with those of the pool, or before when the lease is lost.
	abort, kill end
	slots       []*slot
	jobs        []job // for the finisher, not handed over yet
	waiting     *slot // the slot that the fetcher fills, or nil
	withdraw    context.CancelFunc
	// backlogged says that entries are thought to wait, though none was taken.
	backlogged bool
	// returning is the slot whose entry goes back because it may not run now, or
	// nil. Until it is back, a take would get a later one.
	returning *slot
	backoff   backoff
	fitness   fitness
	rest      time.Time // no take before
	// found are run lists that were seen to hold an entry that no slot knows of.
	found    map[int]bool
	draining bool
	paused   bool      // nothing is taken, what runs goes on
	giveUp   time.Time // when draining: do not wait longer for the fetcher; zero for ever
	takes    uint64
	running  int      // workers
	returns  []result // held back while workers are being stopped
	// dropped is how many records went off the full failed list since the log said
	// so at saidFull.
	dropped  int
	saidFull time.Time
}

func newQueue(e *engine, t config.Task, s *Settings, b *admission.Budget) *queue {
	log := e.log.With(output.KeyTaskType, t.Type)
	q := &queue{
		name: t.Type, keys: e.keys, instance: e.id, log: log, health: e.health,
		counters: e.counters, budget: b, leaseLost: &e.lost, memory: &e.memory, roster: &e.roster, runs: &e.runs,
		fetcher:  newFetcher(e.keys, e.client.Link(), e.health.Source(), log, e.times),
		finisher: newFinisher(e.keys, e.client.Link(), e.health, log, e.times),
		commands: make(chan func()), results: make(chan result), wake: make(chan struct{}, 1), over: make(chan struct{}),
		ends: e.ends,
		task: t, settings: s, abort: e.ends.abort.child(), kill: e.ends.kill.child(), backlogged: true,
		found: make(map[int]bool),
	}
	q.permits = e.permits.Join(t.Type, t.Workers, q.wake)
	q.grow(t.Workers)
	return q
}

// Run serves the type until it was drained and all its slots are free, or until
// ctx ends. With ctx, unconfirmed results are given up; workers are waited for
// in any case.
func (q *queue) Run(ctx context.Context) error {
	defer close(q.over)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	actors, ctx := errgroup.WithContext(ctx)
	actors.Go(func() error { return q.fetcher.Run(ctx) })
	actors.Go(func() error { return q.finisher.Run(ctx) })
	for !q.done() && ctx.Err() == nil {
		q.dispatch()
		q.step(ctx)
	}
	for ; q.running > 0; q.running-- {
		s := (<-q.results).slot
		q.releasePermit(s)
		q.release(s)
	}
	cancel()
	if q.waiting != nil {
		q.withdraw()
	}
	q.permits.Leave()
	q.abort.stop()
	q.kill.stop()
	err := actors.Wait()
	q.health.SetUnfit(q.name, false)
	return err
}

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
		q.running--
		q.finish(r)
	case hand <- q.jobs:
		q.jobs = nil
	case done := <-q.finisher.done:
		for _, f := range done {
			q.finished(f)
		}
	case f := <-q.commands:
		f()
	case <-q.wake:
	case <-alarm:
	case <-ctx.Done():
	}
}

// untilAlarm is when to look again though nothing happened; 0 for never.
func (q *queue) untilAlarm() time.Duration {
	if q.draining {
		return time.Until(q.giveUp)
	}
	return max(time.Until(q.rest), time.Until(q.fitness.rests()))
}

// done tells whether nothing is left to do after a drain.
func (q *queue) done() bool {
	if !q.draining || q.busy() {
		return false
	}
	return q.waiting == nil || !q.giveUp.IsZero() && !time.Now().Before(q.giveUp)
}

// busy tells whether a task runs or its result is not confirmed yet.
func (q *queue) busy() bool {
	return slices.ContainsFunc(q.slots, func(s *slot) bool { return s.state == running || s.state == finishing })
}

// clean tells, after Run, whether every run list is known to be empty.
func (q *queue) clean() bool { return !q.busy() && q.waiting == nil }

// current names the run list of a slot that holds its entry.
func (q *queue) current(s *slot) store.RunList {
	return store.RunList{Type: q.name, Instance: q.instance, List: s.current(), Note: s.note}
}

// other names the run list of a slot that the next entry goes to, with the note that
// it is to have. The number of a run that did not come is used again where it is the
// last that was given: so numbers have the order in which runs begin, save those that
// wait for an entry, and mostly no gaps.
func (q *queue) other(s *slot) store.RunList {
	if s.next.Number == 0 || !s.kept && s.next.Number != q.runs.Load() {
		s.next.Number = q.runs.Add(1)
	}
	s.next.Fail = q.task.OnCrash == config.CrashFail
	return store.RunList{Type: q.name, Instance: q.instance, List: s.other(), Note: s.next}
}

// configure applies a configuration to what starts from now on, and serves the
// type (again). It returns false when the queue has ended.
func (q *queue) configure(task config.Task, s *Settings) bool {
	return q.do(func() {
		if task.Backoff != q.task.Backoff {
			q.backoff, q.rest = backoff{}, time.Time{}
		}
		q.task, q.settings, q.draining, q.giveUp = task, s, false, time.Time{}
		q.fitness.hurry() // it may have been put right
		q.grow(task.Workers)
	})
}

// stopRunning stops all tasks that run now, with some time to obey. Their
// entries go back; what is taken afterwards runs as ever.
func (q *queue) stopRunning(grace time.Duration) {
	q.do(func() {
		q.abort.stop()
		time.AfterFunc(grace, q.kill.stop)
		q.abort, q.kill = q.ends.abort.child(), q.ends.kill.child()
	})
}

// grow adds slots. None is removed: those beyond the number of workers stay
// free, for the budget is what bounds the tasks.
func (q *queue) grow(n int) {
	for i := len(q.slots); i < n; i++ {
		q.slots = append(q.slots, &slot{index: i})
	}
}

// pause has the queue take nothing, or go on.
func (q *queue) pause(on bool) {
	q.do(func() { q.paused = on })
}

// drain has the queue take nothing new and end when its tasks have ended.
func (q *queue) drain() {
	q.do(func() {
		q.draining, q.rest = true, time.Time{}
		// Redis may not answer for long, and nothing runs in these.
		for _, s := range q.slots {
			if s.state == taking || s.state == finishing {
				q.release(s)
			}
		}
	})
}

// hurry has a queue that drains wait for its fetcher no longer than takePatience.
func (q *queue) hurry() {
	q.do(func() { q.giveUp = time.Now().Add(takePatience) })
}

// takePatience is how long the end of an engine waits for the fetchers alone, that
// is, while Redis does not answer. An entry that did come in meanwhile stays in
// its run list, from where recovery brings it back: but not as long as the instance
// lives, so that a type that was merely removed waits.
const takePatience = 2 * time.Second

// ping proves that the queue and its actors move.
func (q *queue) ping(ctx context.Context) error {
	select {
	case q.commands <- func() {}:
	case <-q.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the queue of type %q hangs", q.name)
	}
	if !q.fetcher.pulse.Moves() {
		return fmt.Errorf("the fetcher of type %q hangs", q.name)
	}
	if !q.finisher.pulse.Moves() {
		return fmt.Errorf("the finisher of type %q hangs", q.name)
	}
	return nil
}

// do runs f on the queue's goroutine. It returns false when the queue has ended.
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
