package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// control is the group in which systemd runs the commands of a delegated unit other than
// its main process, such as ExecStopPost=.
const control = ".control"

// Release disables all controllers in the delegated group of the unit whose control
// command this process is, and in all groups below.
//
// It is for ExecStopPost=. A process that cannot be killed, because it waits for a
// file system that no longer answers, keeps its group and the groups above it. While
// one of those gives controllers to its children, it accepts no process ("no internal
// processes" in cgroups(7)), and a systemd before 254, which has no
// DelegateSubgroup=, cannot start the unit again.
//
// The group of the unit itself comes last: a controller that a child still gives to
// its own children cannot be disabled. Release does nothing if no group is delegated.
func Release() error {
	dir, _, err := ownDir()
	if err != nil || filepath.Base(dir) != control {
		return nil //nolint:nilerr // without groups there is nothing to release
	}
	if dir = filepath.Dir(dir); !delegated(dir) {
		return nil
	}
	return release(dir)
}

// release disables the controllers from the leaves up to dir.
func release(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreGone(err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, release(filepath.Join(dir, e.Name())))
		}
	}
	text, err := files.Read(filepath.Join(dir, subtreeFile), maxText)
	errs = append(errs, ignoreGone(err))
	for _, c := range strings.Fields(string(text)) {
		if err := ignoreGone(write(dir, subtreeFile, "-"+c)); err != nil {
			errs = append(errs, fmt.Errorf("disabling %s: %w", c, err))
		}
	}
	return errors.Join(errs...)
}
