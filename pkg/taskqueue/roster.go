package taskqueue

import (
	"context"
	"sync"
)

// roster knows the tasks that run, by their ids and those of their entries, so that
// one of them can be cancelled. The zero value is ready.
type roster struct {
	mu    sync.Mutex
	tasks map[*rosterEntry]struct{}
}

type rosterEntry struct {
	cancel          context.CancelCauseFunc
	taskID, entryID string
}

// enter adds a task; the returned function takes it off.
func (r *roster) enter(cancel context.CancelCauseFunc, taskID, entryID string) (leave func()) {
	task := &rosterEntry{cancel, taskID, entryID}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tasks == nil {
		r.tasks = make(map[*rosterEntry]struct{})
	}
	r.tasks[task] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.tasks, task)
	}
}

// has reports whether a task runs.
func (r *roster) has(taskID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for task := range r.tasks {
		if task.taskID == taskID {
			return true
		}
	}
	return false
}

// end stops a task, if it runs.
func (r *roster) end(taskID string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for task := range r.tasks {
		if task.taskID == taskID {
			task.cancel(why)
		}
	}
}

// cancel stops every task of this id, as a time-out would, and returns how many
// there are. An id of an entry can be that of several.
func (r *roster) cancel(id string) (found int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for task := range r.tasks {
		if id != "" && (task.taskID == id || task.entryID == id) {
			task.cancel(errCancelled)
			found++
		}
	}
	return found
}
