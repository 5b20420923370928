package runner

import (
	"fmt"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// Group is a control group, or whatever else the kernel keeps processes in that
// none of them leaves by a fork. It is for one task alone.
type Group interface {
	// FD is the descriptor for CLONE_INTO_CGROUP, clone(2), open for as long as
	// Start takes. The leader begins its life in the group, so that there is no
	// moment at which it could have forked outside.
	FD() int
	// PIDs lists the processes in it that have not ended.
	PIDs() ([]int, error)
	// Kill sends SIGKILL to all of them at once. One that forks meanwhile is no
	// reason to call it again.
	Kill() error
	// Account replaces the figures in u with those that the kernel has counted for
	// the group. It is called after the task has ended.
	Account(u *usage.Usage) usage.Pressure
}

// inside returns the members that the kernel keeps together. It fails only for
// want of descriptors or memory: after any other error, the others are found all
// the same.
func (t *tree) inside() (map[int]bool, error) {
	members := make(map[int]bool)
	if t.contained == nil {
		return members, nil
	}
	pids, err := t.contained.PIDs()
	if Transient(err) {
		return nil, fmt.Errorf("listing the processes of a group: %w", err)
	}
	for _, pid := range pids {
		members[pid] = true
	}
	return members, nil
}
