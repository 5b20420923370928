package taskqueue

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// leftoverPatience bounds the wait for killed processes of a dead instance. One
// that does not die (in the middle of a failing disk access, say) keeps its
// instance's entries where they are until the next look.
const leftoverPatience = 2 * time.Second

// recoverer brings back the entries of instances that died on this machine.
type recoverer struct {
	keys store.Keys
	self string
	host host.Identity
	log  *slog.Logger
}

// run looks at every instance on record once.
//
// Power loss here: each entry is moved in one step, and an instance stays on
// record until all its entries were, so whoever comes next goes on.
func (r *recoverer) run(c *store.Conn) error {
	instances, unreadable, err := c.Instances(r.keys)
	if err != nil {
		return fmt.Errorf("look for dead instances: %w", err)
	}
	for _, err := range unreadable {
		r.log.Warn("the record of an instance cannot be read", output.KeyError, err.Error())
	}
	for _, other := range instances {
		if other.ID == r.self || !r.host.Dead(identity(other)) {
			continue
		}
		if err := r.recover(c, other); err != nil {
			return err
		}
	}
	return nil
}

func (r *recoverer) recover(c *store.Conn, dead store.Instance) error {
	log := r.log.With("instance", dead.ID, "pid", dead.PID)
	killed, err := r.killLeftovers(dead)
	if err != nil {
		log.Warn("processes of a dead instance cannot be ended, its entries wait", output.KeyError, err.Error())
		return nil
	}
	moved, err := c.Recover(r.keys, dead)
	for taskType, n := range moved {
		log.Warn("entries of a dead instance go back to the head of their queue", output.KeyTaskType, taskType,
			"entries", n, "processes_killed", killed, output.KeyMessageID, output.MsgRecovered)
	}
	if err != nil {
		return err
	}
	return c.Forget(r.keys, dead.ID)
}

// killLeftovers ends what still runs of a dead instance, so that an entry's
// second run never meets its first. After a reboot there is nothing to end.
func (r *recoverer) killLeftovers(dead store.Instance) (int, error) {
	if dead.BootID != r.host.BootID {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leftoverPatience)
	defer cancel()
	return runner.KillMarked(ctx, func(marker string) bool { return strings.HasPrefix(marker, dead.ID+".") })
}

func identity(i store.Instance) host.Identity {
	return host.Identity{
		Hostname: i.Host, MachineID: i.MachineID, BootID: i.BootID,
		PIDNamespace: i.PIDNamespace, PID: i.PID, StartTime: i.StartTime,
	}
}
