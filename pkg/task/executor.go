package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// Executor is the seam between a run and how it is carried out. There is one executor:
// a process per entry.
type Executor interface {
	// Start begins to carry out a run. After an error nothing of it runs; an entry
	// that cannot run on any host has an [EntryError].
	Start(ctx context.Context, log *slog.Logger, r *Run, e entry.Entry) (Execution, error)
}

// Execution is a run that is being carried out.
type Execution interface {
	// Process identifies the process that carries it out.
	Process() Process
	// Wait returns when the run has ended. When ctx ends first, the run is stopped,
	// and stopped is the cause of ctx. When kill ends, there is no grace any more.
	// Nothing of the task is left after a stop.
	Wait(ctx, kill context.Context) (o runner.Outcome, stopped error)
}

// EntryError is a start that fails on every host: the entry is at fault.
type EntryError struct{ error }

// Unwrap returns the fault.
func (e EntryError) Unwrap() error { return e.error }

// executor returns the executor of the type.
func (p *Plan) executor() Executor { return processes{p} }

// processes is the executor that starts a process per entry.
type processes struct{ plan *Plan }

// execution is one such process.
type execution struct {
	plan    *Plan
	log     *slog.Logger
	process *runner.Process
	group   *cgroup.Run // nil without control groups
}

// Start implements [Executor].
func (p processes) Start(ctx context.Context, log *slog.Logger, r *Run, e entry.Entry) (Execution, error) {
	spec, err := p.plan.spec(e, r.ID, r.variables(e))
	if err != nil {
		return nil, EntryError{err}
	}
	x := &execution{plan: p.plan, log: log}
	x.process, err = startRepeatedly(ctx, log, p.plan.all.planner.StartTimeout, func() (process *runner.Process, err error) {
		process, x.group, err = p.plan.startConfined(spec)
		return process, err
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Process implements [Execution].
func (x *execution) Process() Process { return Process{PID: x.process.PID()} }

// Wait implements [Execution].
func (x *execution) Wait(ctx, kill context.Context) (runner.Outcome, error) {
	o, stopped := waitOrStop(ctx, kill, x.process, x.plan.Task.KillGrace)
	removeGroup(x.group, x.log)
	x.logRemains(o)
	return o, stopped
}

// logRemains logs which processes the task has left and which limits it has met.
func (x *execution) logRemains(o runner.Outcome) {
	switch {
	case o.LeftBehind == 0:
	case x.plan.Leftovers == config.LeftoversKill:
		x.log.Warn("killed left-over processes of the task", output.KeyProcesses, o.LeftBehind)
	default:
		x.log.Warn("the task left processes running", output.KeyProcesses, o.LeftBehind)
	}
	if o.Pressure.Refused > 0 {
		x.log.Warn("the task reached tasks_max", output.KeyRefused, o.Pressure.Refused)
	}
	if o.Pressure.Throttled > 0 {
		x.log.Debug("the task was throttled by cpu_quota", output.KeyThrottled, o.Pressure.Throttled)
	}
}

// errNoGroup is wrapped by a start that failed because there was no control group: a
// fault of the machine, not of the entry.
var errNoGroup = errors.New("creating the control group of the run failed")

// startConfined starts a process in a control group of its own, if there are any. The
// caller removes the group when the process has ended.
func (p *Plan) startConfined(spec runner.Spec) (*runner.Process, *cgroup.Run, error) {
	groups := p.all.planner.Groups
	if groups == nil {
		process, err := runner.Start(spec)
		return process, nil, err
	}
	group, err := groups.NewRun(p.Type, spec.Marker, p.Limits)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNoGroup, err)
	}
	spec.Group = group
	process, err := runner.Start(spec)
	if err != nil {
		return nil, nil, errors.Join(err, group.Remove())
	}
	return process, group, nil
}

// removeGroup removes the control group of a run that has ended; nil is for none.
func removeGroup(group *cgroup.Run, log *slog.Logger) {
	if group == nil {
		return
	}
	if err := group.Remove(); err != nil {
		log.Warn("failed to remove the control group of a run", output.KeyError, err.Error())
	}
}
