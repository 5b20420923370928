package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
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

	gate     *runner.Gate
	commands map[string]*command // by type
}

func newSettings(c *config.Config, o Options, gate *runner.Gate, commands map[string]*command) *Settings {
	return &Settings{
		Env: o.Env, KillGrace: c.KillGrace, ErrorScript: c.ErrorScript, TempDir: output.NewTempDir(c.TempDir), OnLeaseLoss: c.OnLeaseLoss,
		Groups: o.Groups, gate: gate, commands: commands,
	}
}

// errorScript returns the notifier that tells of failures. When kill has ended, its
// script has no grace any more.
func (s *Settings) errorScript(kill context.Context, log *slog.Logger) *output.ErrorScript {
	exec := func(ctx context.Context, script, arg string) ([]byte, error) { return s.exec(ctx, kill, script, arg) }
	return &output.ErrorScript{Script: s.ErrorScript, TempDir: s.TempDir, Exec: exec, Log: log}
}

// exec runs the error_script; see [output.Exec].
func (s *Settings) exec(ctx, kill context.Context, script, arg string) ([]byte, error) {
	path, err := runner.LookPath(script)
	if err != nil {
		return nil, fmt.Errorf("find error_script: %w", err)
	}
	env, err := runner.BuildEnv(s.Env, nil, nil, runner.EnvPolicy{})
	if err != nil {
		return nil, fmt.Errorf("environment of the error_script: %w", err)
	}
	p, err := runner.Start(runner.Spec{Path: path, Args: []string{arg}, Env: env, Gate: s.gate})
	if err != nil {
		return nil, err
	}
	o, stopped := waitOrStop(ctx, kill, p, s.KillGrace)
	if stopped != nil {
		err = fmt.Errorf("ended before it was done: %w", stopped)
	} else if reason := o.Reason(); reason != "" {
		err = errors.New(reason)
	}
	return slices.Concat(o.Stdout.Tail, o.Stderr.Tail), err
}
