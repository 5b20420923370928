package runner

import (
	"github.com/nevsnode/gordon/v2/internal/usage"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
)

// Group is a control group for one task alone. No process leaves it by a fork.
type Group interface {
	proctree.Group
	// FD is the descriptor for CLONE_INTO_CGROUP, clone(2). It stays open during
	// Start. The leader begins its life in the group, so that there is no
	// moment at which it could have forked outside.
	FD() int
	// Account replaces the figures in u with those that the kernel has counted for
	// the group. It is called after the task has ended.
	Account(u *usage.Usage) usage.Pressure
}
