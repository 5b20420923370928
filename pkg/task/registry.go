package task

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

var (
	// ErrCancelled is the cause with which a cancelled task is stopped.
	ErrCancelled = errors.New("cancelled")
	// ErrTakenOver is the cause with which a task is stopped whose entry another host
	// has taken over.
	ErrTakenOver = errors.New("another host took over its entry")
)

// Running describes a task that runs.
type Running struct {
	Type, ID string
	// EntryID is the id that the producer gave to the entry, or "".
	EntryID string
	Attempt int
	Since   time.Time
	// PID is that of the leader; 0 while the task is being started.
	PID int
}

// Registry lists the tasks that run, so that they can be found by their ids. The zero
// value is empty. It is safe for concurrent use.
type Registry struct {
	mu    sync.Mutex
	tasks map[*running]struct{}
}

// running is a task in a registry.
type running struct {
	registry *Registry
	cancel   context.CancelCauseFunc
	Running  // guarded by registry.mu
}

// enter adds a task. It is listed until leave is called.
func (g *Registry) enter(cancel context.CancelCauseFunc, r *Run, entryID string) *running {
	task := &running{g, cancel, Running{Type: r.Type, ID: r.ID, EntryID: entryID, Attempt: r.Attempt, Since: r.Began}}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tasks == nil {
		g.tasks = make(map[*running]struct{})
	}
	g.tasks[task] = struct{}{}
	return task
}

// started notes the process of a task.
func (t *running) started(p Process) {
	t.registry.mu.Lock()
	defer t.registry.mu.Unlock()
	t.PID = p.PID
}

func (t *running) leave() {
	t.registry.mu.Lock()
	defer t.registry.mu.Unlock()
	delete(t.registry.tasks, t)
}

// Running returns the tasks that run, the oldest first.
func (g *Registry) Running() []Running {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]Running, 0, len(g.tasks))
	for task := range g.tasks {
		list = append(list, task.Running)
	}
	slices.SortFunc(list, func(a, b Running) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

// Has reports whether a task runs.
func (g *Registry) Has(id string) bool {
	return g.each(func(t *running) bool { return t.ID == id }, nil) > 0
}

// Stop stops a task, if it runs. why is the cause of its context.
func (g *Registry) Stop(id string, why error) {
	g.each(func(t *running) bool { return t.ID == id }, why)
}

// Cancel stops every task of this id, as a time-out would, and returns how many there
// are. The id may be that of a task, or the id of an entry, which several can have.
func (g *Registry) Cancel(id string) int {
	return g.each(func(t *running) bool { return id != "" && (t.ID == id || t.EntryID == id) }, ErrCancelled)
}

// each counts the tasks that match, and stops them unless why is nil.
func (g *Registry) each(match func(*running) bool, why error) (found int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for task := range g.tasks {
		if !match(task) {
			continue
		}
		found++
		if why != nil {
			task.cancel(why)
		}
	}
	return found
}
