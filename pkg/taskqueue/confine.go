package taskqueue

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// errNoGroup is a start that failed for want of a control group: a fault of the
// machine, not of the entry.
var errNoGroup = errors.New("making the control group of the run")

// begin starts the process, in a control group of its own where there are any.
// leave has to follow when it has ended.
func (w *worker) begin(spec runner.Spec) (*runner.Process, error) {
	spec.KillLeftovers, spec.LeftoverGrace = w.task.Leftovers == config.LeftoversKill, w.task.KillGrace
	spec.Drain, spec.Reserve, spec.DaemonGot = w.settings.drain, w.settings.reserve, w.settings.Signals.got
	if w.settings.Groups == nil {
		return runner.Start(spec)
	}
	group, err := w.settings.Groups.NewRun(w.task.Type, w.id, w.task.Limits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoGroup, err)
	}
	spec.Group = group
	process, err := runner.Start(spec)
	if err != nil {
		return nil, errors.Join(err, group.Remove())
	}
	w.group = group
	return process, nil
}

// transient tells whether a start that failed is worth another try.
func transient(err error) bool { return runner.Transient(err) || errors.Is(err, errNoGroup) }

// exhausted reports whether a start failed because this host, or the user, has as many
// processes or descriptors as it may have. Memory is not among it: an entry may be too
// large for what there is.
func exhausted(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// leave gives the control group back, and logs what it and the leftovers of the
// task have to tell.
func (w *worker) leave(o runner.Outcome) {
	if w.group != nil {
		if err := w.group.Remove(); err != nil {
			w.log.Warn("the control group of a run is left", output.KeyError, err.Error())
		}
	}
	switch {
	case o.LeftBehind == 0:
	case w.task.Leftovers == config.LeftoversKill:
		w.log.Warn("ended what the task had left behind", output.KeyProcesses, o.LeftBehind)
	default:
		w.log.Warn("the task has left processes behind, they go on", output.KeyProcesses, o.LeftBehind)
	}
	if o.Pressure.Refused > 0 {
		w.log.Warn("the task had as many processes as tasks_max allows", output.KeyRefused, o.Pressure.Refused)
	}
	if o.Pressure.Throttled > 0 {
		w.log.Debug("cpu_quota has held the task back", output.KeyThrottled, o.Pressure.Throttled)
	}
}
