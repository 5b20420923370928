package main

import (
	"errors"
	"strings"

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
	killed, err := tree.Sweep()
	if killed > 0 {
		d.log.Warn("ended what an earlier gordon had left in its control groups", output.KeyProcesses, killed)
	}
	if err != nil {
		d.log.Warn("old control groups are left", output.KeyError, err.Error())
	}
	d.log.Info("tasks run in control groups", "group", tree.Path(), "controllers", strings.Join(tree.Controllers(), " "))
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
