package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// MaxNotice is the longest time that [Plans.Notify] takes.
func (p *Plans) MaxNotice() time.Duration { return output.DefaultErrorScriptTimeout + p.KillGrace }

// Notify runs the error_script, if there is one, for an entry that failed. It returns
// when the script has ended. After the end of ctx the script is stopped, after the end
// of kill without any grace.
func (p *Plans) Notify(ctx, kill context.Context, log *slog.Logger, taskType string, payload []byte, fault string) {
	exec := func(ctx context.Context, script, arg string) ([]byte, error) {
		return p.runErrorScript(ctx, kill, log, script, arg)
	}
	script := &output.ErrorScript{Script: p.errorScript, TempDir: p.tempDir, Exec: exec, Log: log}
	script.Notify(ctx, taskType, payload, fault)
}

// runErrorScript runs the error_script; see [output.Exec].
func (p *Plans) runErrorScript(ctx, kill context.Context, log *slog.Logger, script, arg string) ([]byte, error) {
	path, err := p.planner.gate.LookPath(script)
	if err != nil {
		return nil, fmt.Errorf("find error_script: %w", err)
	}
	env, err := taskenv.Build(p.planner.Env, nil, nil, taskenv.Policy{})
	if err != nil {
		return nil, fmt.Errorf("environment of the error_script: %w", err)
	}
	spec := runner.Spec{Path: path, Args: []string{arg}, Env: env, LeftoverGrace: p.KillGrace}
	p.planner.share(&spec)
	id := filepath.Base(arg) // of a temporary file, which is unique
	o, stopped, err := p.once(ctx, kill, log, spec, id)
	if o.SharedSignal && ctx.Err() == nil { // nobody has been notified yet
		o, stopped, err = p.once(ctx, kill, log, spec, id+".again")
	}
	switch {
	case err != nil:
		return nil, err
	case stopped != nil:
		err = fmt.Errorf("killed before it finished: %w", stopped)
	case o.Reason() != "":
		err = errors.New(o.Reason())
	}
	return slices.Concat(o.Stdout.Tail, o.Stderr.Tail), err
}

// once runs a process of the error_script to its end. stopped is why it was stopped, or
// nil. The process has a control group of its own, with the name id, if there are any.
func (p *Plans) once(ctx, kill context.Context, log *slog.Logger, spec runner.Spec, id string) (o runner.Outcome, stopped, err error) {
	if groups := p.planner.Groups; groups != nil {
		group, err := groups.NewScript(id)
		if err != nil { // people have to be notified all the same
			log.Warn("the error_script runs without a control group of its own", output.KeyError, err.Error())
		} else {
			spec.Group = group
			defer removeGroup(group, log)
		}
	}
	process, err := startRepeatedly(ctx, log, p.planner.StartTimeout, func() (*runner.Process, error) { return runner.Start(spec) })
	if err != nil {
		return o, nil, err
	}
	o, stopped = waitOrStop(ctx, kill, process, p.KillGrace)
	return o, stopped, nil
}
