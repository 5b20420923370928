package runner

import (
	"context"
	"fmt"
	"syscall"
)

// Become gives the rights of this process away for those of a user, for good. It is for
// a command that judges what a daemon of that user may do, and ends.
func Become(a Account) error {
	groups := make([]int, len(a.Groups))
	for i, g := range a.Groups {
		groups[i] = int(g)
	}
	// The functions of package syscall change all threads.
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("take the groups of %s: %w", a.Name, err)
	}
	if err := syscall.Setgid(int(a.GID)); err != nil {
		return fmt.Errorf("take the group of %s: %w", a.Name, err)
	}
	if err := syscall.Setuid(int(a.UID)); err != nil {
		return fmt.Errorf("become %s: %w", a.Name, err)
	}
	return nil
}

// UnitProperty returns a property of a unit of systemd, "" where it has none.
func UnitProperty(ctx context.Context, unit, property string) (string, error) {
	return ask(ctx, "systemctl", "show", "--property="+property, "--value", "--", unit)
}
