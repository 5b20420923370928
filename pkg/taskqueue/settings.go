package taskqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Settings is what a configuration says about all tasks. It is immutable: a
// reload replaces it for the tasks that start afterwards.
type Settings struct {
	// Env is the environment of the daemon, which scripts inherit.
	Env []string
	// KillGrace is the time from SIGTERM to SIGKILL.
	KillGrace time.Duration
	// ErrorScript is run with a description of each failure; "" = none.
	ErrorScript string
	// TempDir is where those descriptions are written.
	TempDir *output.TempDir
	// OnLeaseLoss says what becomes of running tasks when another host may take
	// over their entries.
	OnLeaseLoss config.OnLeaseLoss
	// Groups is where the control groups of tasks are made; nil = there are none.
	Groups *cgroup.Tree
	// Signals are those that the daemon gets; nil where it is not to know.
	Signals *Signals

	shared
	startPatience time.Duration
	commands      map[string]*command // by type
}

// shared is what all starts of this daemon have in common.
type shared struct {
	gate    *runner.Gate
	drain   *runner.Drain
	reserve *runner.Reserve
}

func newSettings(c *config.Config, o Options, all shared, commands map[string]*command) *Settings {
	return &Settings{
		Env: o.Env, KillGrace: c.KillGrace, ErrorScript: c.ErrorScript, TempDir: output.NewTempDir(c.TempDir), OnLeaseLoss: c.OnLeaseLoss,
		Groups: o.Groups, Signals: o.Signals, shared: all, startPatience: cmp.Or(o.Times.Start, DefaultTimes().Start), commands: commands,
	}
}

// errorScript returns the notifier that tells of failures. When kill has ended, its
// script has no grace any more.
func (s *Settings) errorScript(kill context.Context, log *slog.Logger) *output.ErrorScript {
	exec := func(ctx context.Context, script, arg string) ([]byte, error) {
		return s.exec(ctx, kill, log, script, arg)
	}
	return &output.ErrorScript{Script: s.ErrorScript, TempDir: s.TempDir, Exec: exec, Log: log}
}

// exec runs the error_script; see [output.Exec].
func (s *Settings) exec(ctx, kill context.Context, log *slog.Logger, script, arg string) ([]byte, error) {
	path, err := s.gate.LookPath(script)
	if err != nil {
		return nil, fmt.Errorf("find error_script: %w", err)
	}
	env, err := taskenv.Build(s.Env, nil, nil, taskenv.Policy{})
	if err != nil {
		return nil, fmt.Errorf("environment of the error_script: %w", err)
	}
	spec := runner.Spec{Path: path, Args: []string{arg}, Env: env, Gate: s.gate, Drain: s.drain, Reserve: s.reserve, DaemonGot: s.Signals.got, LeftoverGrace: s.KillGrace}
	id := filepath.Base(arg) // of a temporary file, which is unique
	o, stopped, err := s.once(ctx, kill, log, spec, id)
	if o.SharedSignal && ctx.Err() == nil { // nobody has been told yet
		o, stopped, err = s.once(ctx, kill, log, spec, id+".again")
	}
	switch {
	case err != nil:
		return nil, err
	case stopped != nil:
		err = fmt.Errorf("ended before it was done: %w", stopped)
	case o.Reason() != "":
		err = errors.New(o.Reason())
	}
	return slices.Concat(o.Stdout.Tail, o.Stderr.Tail), err
}

// once runs a process to its end; stopped is why it was stopped, if it was. It has a
// control group of its own, by the name id, where there are any.
func (s *Settings) once(ctx, kill context.Context, log *slog.Logger, spec runner.Spec, id string) (o runner.Outcome, stopped, err error) {
	if s.Groups != nil {
		group, err := s.Groups.NewScript(id)
		if err != nil { // people have to be told all the same
			log.Warn("the error_script runs without a control group of its own", output.KeyError, err.Error())
		} else {
			spec.Group = group
			defer func() {
				if err := group.Remove(); err != nil {
					log.Warn("the control group of a run is left", output.KeyError, err.Error())
				}
			}()
		}
	}
	p, err := patiently(ctx, log, s.startPatience, func() (*runner.Process, error) { return runner.Start(spec) })
	if err != nil {
		return o, nil, err
	}
	o, stopped = waitOrStop(ctx, kill, p, s.KillGrace)
	return o, stopped, nil
}
