package daemon

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/cgroup"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
)

// groups are the control groups of the tasks.
type groups struct {
	tree *cgroup.Tree // nil if control groups are not available; tasks run without them
	why  error        // the reason, if tree is nil
}

// openGroups takes over the control group that was delegated to the daemon, if there
// is one, and moves the daemon into a leaf of it. Nothing may be started before.
func openGroups(log *slog.Logger) *groups {
	tree, err := cgroup.Open()
	if err != nil {
		log.Info("control groups are not available; tasks run without them", "reason", err.Error())
		return &groups{why: err}
	}
	ended, left, err := tree.Sweep()
	if ended > 0 {
		log.Warn("killed processes left in the control groups of an earlier instance", output.KeyProcesses, ended)
	}
	if left > 0 {
		log.Warn("failed to kill processes of an earlier instance", output.KeyProcesses, left)
	}
	if err != nil {
		log.Warn("failed to remove old control groups", output.KeyError, err.Error())
	}
	log.Info("tasks run in control groups", "group", tree.Path(), "controllers", strings.Join(tree.Controllers(), " "))
	return &groups{tree: tree}
}

// enforceable returns a fault for each limit that cannot be enforced where this
// daemon runs: a limit without an effect is worse than none.
func (g *groups) enforceable(c *config.Config) error {
	var faults config.Faults
	for _, l := range c.Limits {
		if why := g.lacks(l.Controller); why != "" {
			faults = append(faults, l.Place.Fault(errors.New("can't be enforced on this machine: "+why)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// lacks returns why a controller is not available, or "" if it is.
func (g *groups) lacks(controller string) string {
	if g.tree == nil {
		return g.why.Error()
	}
	return g.tree.Lacks(controller)
}
