package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
)

// takeGroups takes over the control group that was delegated to the daemon, if
// one was, and moves the daemon into a leaf of it. It comes before anything is
// started.
func (d *daemon) takeGroups() {
	tree, err := cgroup.Open()
	if err != nil {
		d.noGroups = err
		d.log.Info("tasks run without control groups", "reason", err.Error())
		return
	}
	d.groups = tree
	ended, left, err := tree.Sweep()
	if ended > 0 {
		d.log.Warn("ended what an earlier gordon had left in its control groups", output.KeyProcesses, ended)
	}
	if left > 0 {
		d.log.Warn("processes that an earlier gordon has started cannot be ended", output.KeyProcesses, left)
	}
	if err != nil {
		d.log.Warn("old control groups are left", output.KeyError, err.Error())
	}
	d.log.Info("tasks run in control groups", "group", tree.Path(), "controllers", strings.Join(tree.Controllers(), " "))
}

// releaseGroupsCommand is for ExecStopPost= of the unit. It is hidden because it does
// nothing anywhere else.
func releaseGroupsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "release-groups",
		Short:  "Let the unit start again beside processes that nothing can kill",
		Args:   noArguments,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			if err := cgroup.Release(); err != nil {
				return fmt.Errorf("releasing the control groups: %w", err)
			}
			return nil
		},
	}
}

// enforceable returns a fault for each limit that can't be enforced where this
// daemon runs: a limit that silently does nothing is worse than none.
func (d *daemon) enforceable(c *config.Config) error {
	var faults config.Faults
	for _, l := range c.Limits {
		why := d.lacks(l.Controller)
		if why != "" {
			faults = append(faults, l.Place.Fault(errors.New("can't be enforced here: "+why)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

func (d *daemon) lacks(controller string) string {
	if d.groups == nil {
		return d.noGroups.Error()
	}
	return d.groups.Lacks(controller)
}
