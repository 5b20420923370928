package taskqueue

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// errTakenOver is why a task is stopped whose entry another host has taken over.
var errTakenOver = errors.New("another host has taken its entry over")

// audit compares the run lists in Redis with what runs here. A task whose entry is gone
// is stopped or named, as on_lease_loss has it, where another host took the entry over
// (taken). Where nobody did, Redis has lost it, and the task is the only run that is
// left. An entry that no slot knows of is taken up.
func (e *engine) audit(ctx context.Context, taken bool) error {
	e.mu.Lock()
	queues := maps.Clone(e.queues)
	e.mu.Unlock()
	running := make(map[string]map[int]string, len(queues))
	for name, q := range queues {
		running[name] = q.tasks() // before Redis is asked: what has begun since is there
	}
	for name, t := range e.registrar.instance.Load().Types {
		e.registrar.pulse.Within(8 * e.times.IO)
		var filled []int
		if err := e.registrar.link.Use(ctx, func(c *store.Conn) (err error) {
			filled, err = e.registrar.filled(c, name, t.Lists)
			return err
		}); err != nil {
			return err
		}
		for list, task := range running[name] {
			if !slices.Contains(filled, list) {
				e.lose(name, task, taken)
			}
		}
		switch q := queues[name]; {
		case q != nil:
			q.find(filled)
		case len(filled) > 0:
			// Moved from here, an entry could meet a queue that a reload starts meanwhile.
			e.log.Warn("redis came back with entries of a type that is not served any more; they run when it is served again, or after this gordon has ended",
				output.KeyTaskType, name, "entries", len(filled))
		}
	}
	return nil
}

// lose is told of a task whose entry is in its run list no more.
func (e *engine) lose(taskType, id string, taken bool) {
	log := e.log.With(output.KeyTaskType, taskType, output.KeyTaskID, id)
	if !taken {
		if e.roster.has(id) {
			log.Warn("redis has lost the entry of a task, which goes on")
		}
		return
	}
	e.lost.Store(true)
	if e.recoverer.settings.Load().OnLeaseLoss == config.LeaseLossStop {
		e.roster.end(id, errTakenOver)
	} else if e.roster.has(id) {
		log.Warn("another host has taken over the entry of a task, which goes on: it may run twice at the same time")
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

// find is told of the run lists that are not empty. Those that no slot is busy with
// hold entries that Redis has come back with; they are taken up by the next takes. A
// list that was emptied since it was looked at costs a look.
func (q *queue) find(filled []int) {
	q.do(func() {
		waits := false // for an entry of the queue, maybe for long
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

// foundSlot returns a free slot whose next list was found to hold an entry, nil for
// none.
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
