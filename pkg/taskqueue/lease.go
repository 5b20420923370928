package taskqueue

import (
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// The reaction of an engine when its lease is in danger, or when an audit finds that its
// run lists have changed. See package membership.

// leaseEndangered is called when another host may soon take this instance for dead and run
// its entries.
func (e *engine) leaseEndangered(since time.Duration) {
	e.leaseLost.Store(true)
	log := e.log.With("not_renewed_for", since.Round(time.Second).String())
	if !e.plans.Load().StopOnLeaseLoss {
		log.Warn("renewing the lease in redis failed; another host may run the entries of these tasks again")
		return
	}
	log.Warn("renewing the lease in redis failed; the tasks are stopped before another host may run their entries")
	for _, q := range e.list() {
		q.stopRunning(e.times.StopGrace())
	}
}

// running returns the ids of the tasks that run, by type and run list.
func (e *engine) running() map[string]map[int]string {
	queues := e.list()
	running := make(map[string]map[int]string, len(queues))
	for name, q := range queues {
		running[name] = q.tasks()
	}
	return running
}

// audited compares the run lists of a type that are not empty with the tasks that ran
// before Redis was asked. A task whose entry is gone is stopped or logged, by
// on_lease_loss, if another host has taken the entry over. If no host has, Redis has lost
// the entry, and the task is the only run that is left. An entry that no slot knows is
// taken up.
func (e *engine) audited(taskType string, running map[int]string, filled []int, takenOver bool) {
	for list, id := range running {
		if !slices.Contains(filled, list) {
			e.lose(taskType, id, takenOver)
		}
	}
	switch q := e.queue(taskType); {
	case q != nil:
		q.find(filled)
	case len(filled) > 0:
		// Moved from here, an entry could meet a queue that a reload starts meanwhile.
		e.log.Warn("redis was restored with entries of a removed type; they run when the type is configured again or this gordon has stopped",
			output.KeyTaskType, taskType, "entries", len(filled))
	}
}

// lose handles a task whose entry is in its run list no more.
func (e *engine) lose(taskType, id string, takenOver bool) {
	log := e.log.With(output.KeyTaskType, taskType, output.KeyTaskID, id)
	if !takenOver {
		if e.registry.Has(id) {
			log.Warn("redis lost the entry of a running task; the task continues")
		}
		return
	}
	e.leaseLost.Store(true)
	if e.plans.Load().StopOnLeaseLoss {
		e.registry.Stop(id, task.ErrTakenOver)
	} else if e.registry.Has(id) {
		log.Warn("another host took over the entry of a running task; both may run at the same time")
	}
}

// tasks returns the ids of the tasks that run, by run list.
func (q *queue) tasks() map[int]string {
	tasks := make(map[int]string)
	q.do(func() {
		for _, s := range q.slots {
			if s.state == running {
				tasks[s.current()] = s.task
			}
		}
	})
	return tasks
}

// find receives the run lists that are not empty. If no slot uses such a list, Redis has
// come back with its entry, which is taken up by a later take. A list that was emptied
// since it was read costs one look.
func (q *queue) find(filled []int) {
	q.do(func() {
		waits := false // for an entry of the queue, perhaps for long
		for _, list := range filled {
			q.grow(list/listsPerSlot + 1)
			s := q.slots[list/listsPerSlot]
			ours := list == s.current() && (s.state == running || s.state == finishing)
			next := list == s.other() && (s.state == taking || s.state == finishing)
			if !ours && !next {
				q.found[list] = true
				waits = waits || q.waiting != nil && (s == q.waiting || s.state == free)
			}
		}
		if waits {
			q.withdraw()
		}
	})
}

// foundSlot returns a free slot whose next list was found to hold an entry, or nil.
func (q *queue) foundSlot() *slot {
	for list := range q.found {
		s := q.slots[list/listsPerSlot]
		if s.state != free {
			continue
		}
		if list == s.current() {
			s.turn()
		}
		return s
	}
	return nil
}
