package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

// Tree is the control group that was delegated to Gordon, with all below it:
//
//	daemon          Gordon itself
//	task.TYPE       one for each type, with the limits on all its runs together
//	task.TYPE/RUN   one for each run
//	error_script/RUN   one for each run of the error_script
//
// Its methods may be called from any goroutine.
type Tree struct {
	// immutable after Open
	dir, mount  string
	controllers []string // of each group below

	mu        sync.Mutex               // guards the fields below
	kinds     map[string]config.Limits // groups of types that exist, with their limits
	lingering []string                 // folders of runs that are over, but have processes left
}

// Path returns the group's path in the hierarchy, as systemd-cgls(1) shows it.
func (t *Tree) Path() string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(t.dir, t.mount), "/")
}

// Controllers lists the controllers that runs have, such as "memory".
func (t *Tree) Controllers() []string { return slices.Clone(t.controllers) }

// Lacks returns the reason why a limit that needs this controller cannot be enforced, and
// a remedy. It returns "" if the limit can be enforced.
func (t *Tree) Lacks(controller string) string {
	if slices.Contains(t.controllers, controller) {
		return ""
	}
	kernel, _ := files.Read(filepath.Join(t.mount, "cgroup.controllers"), maxText)
	if !slices.Contains(strings.Fields(string(kernel)), controller) {
		return fmt.Sprintf("this system has no %s controller for control groups v2 "+
			"(see cgroup_disable= and systemd.unified_cgroup_hierarchy= in its kernel command line)", controller)
	}
	return fmt.Sprintf("the %s controller is not delegated to gordon: the unit needs Delegate=yes", controller)
}

// Configure creates a group for each type, and writes the limits on all of its runs
// together. They apply to running ones too: if a reload lowers memory_max below the used
// amount, the kernel reclaims memory, and kills a run if that is not enough.
func (t *Tree) Configure(tasks map[string]config.Task) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	wanted := make(map[string]bool)
	for _, task := range tasks {
		name := kindPrefix + escape(task.Type)
		wanted[name] = true
		err := t.makeKind(name)
		if err == nil {
			err = limit(filepath.Join(t.dir, name), task.Total, true)
			t.kinds[name] = task.Total
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("type %q: %w", task.Type, err))
		}
	}
	for name := range maps.Clone(t.kinds) {
		// A type that is no longer configured has no limits. Its group is removed when
		// its last run has ended, by a later reload or at the end of the unit.
		if !wanted[name] {
			if unix.Rmdir(filepath.Join(t.dir, name)) == nil {
				delete(t.kinds, name)
			}
		}
	}
	return errors.Join(errs...)
}

// makeKind creates the group of a type if it does not exist.
func (t *Tree) makeKind(name string) error {
	if _, ok := t.kinds[name]; ok {
		return nil
	}
	dir := filepath.Join(t.dir, name)
	if err := makeDir(dir); err != nil {
		return err
	}
	enable(dir)
	t.kinds[name] = config.Limits{}
	return nil
}

// NewRun creates the group for one run, with its limits. [Tree.Lacks] must be "" for the
// controllers of the limits. The caller must call Remove when the run
// is over.
func (t *Tree) NewRun(taskType, id string, limits config.Limits) (*Run, error) {
	r := &Run{tree: t, limits: limits, fd: -1}
	if err := t.make(r, kindPrefix+escape(taskType), escape(id)); err != nil {
		return nil, err
	}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.Remove())
	}
	return r, nil
}

// NewScript creates the group for one run of the error_script. Left-over processes of the
// script must not stay in the group of the daemon, where they would keep the next daemon
// from using it.
func (t *Tree) NewScript(id string) (*Run, error) {
	r := &Run{tree: t, fd: -1}
	if err := t.make(r, scriptKind, escape(id)); err != nil {
		return nil, err
	}
	if err := r.prepare(); err != nil {
		return nil, errors.Join(err, r.Remove())
	}
	return r, nil
}

// make creates the folder of a run. A type's group is not removed meanwhile.
func (t *Tree) make(r *Run, kind, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reap()
	if err := t.makeKind(kind); err != nil {
		return err
	}
	r.kind, r.total = filepath.Join(t.dir, kind), t.kinds[kind]
	r.dir = filepath.Join(r.kind, name)
	return makeDir(r.dir)
}

// reapAtOnce limits the number of groups of old runs that one new run checks.
const reapAtOnce = 4

// reap removes the groups of runs that are over and whose last process has ended since.
// It is called at each start, so that they do not accumulate. The groups that remain
// belong to runs with left-over processes that still live.
func (t *Tree) reap() {
	for range min(reapAtOnce, len(t.lingering)) {
		dir := t.lingering[0]
		t.lingering = t.lingering[1:]
		if remove(dir) != nil {
			t.lingering = append(t.lingering, dir)
		}
	}
}

// linger schedules a group for reap.
func (t *Tree) linger(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lingering = append(t.lingering, dir)
}
