package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// Check looks for every fault of a configuration without a running daemon: load reads
// it from the file at path, and j is the user whose rights count.
func Check(ctx context.Context, path string, load func() (*config.Config, error), j task.Judge) (notices []string, err error) {
	c, err := load()
	if err != nil {
		return nil, withAccounts(ctx, path, err)
	}
	doubts, err := task.Check(ctx, c, j)
	return slices.Concat(c.Notices, doubts), err
}

// check looks for every fault of the configuration that a reload would refuse, if the
// configuration is the file at path. Nothing changes.
func (d *daemon) check(ctx context.Context, path string) (notices []string, err error) {
	own, err := filepath.Abs(d.config.Load().Path)
	if err != nil || own != path {
		return nil, fmt.Errorf("%w: %s", errOtherConfig, own)
	}
	select {
	case d.preparing <- struct{}{}:
		defer func() { <-d.preparing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	return files.Within(ctx, d.files, func() ([]string, error) { return d.allFaults(ctx) }, nil)
}

// allFaults returns together the faults that a reload would return one at a time.
func (d *daemon) allFaults(ctx context.Context) (notices []string, err error) {
	c, err := d.options.Load()
	if err != nil {
		return nil, withAccounts(ctx, d.config.Load().Path, err)
	}
	doubts, err := d.planner.Check(ctx, c)
	faults := []error{d.groups.enforceable(c), err}
	if output.CheckLogfile(c.Logfile) == nil { // otherwise err has this fault
		if log, err := d.sink.Prepare(c.Logfile); err != nil {
			faults = append(faults, fmt.Errorf("%w: %w", ErrConfig, err))
		} else {
			log.Discard()
		}
	}
	if change, err := d.stats.Prepare(statsOptions(c)); err != nil {
		faults = append(faults, err)
	} else {
		change.Discard()
	}
	return slices.Concat(c.Notices, doubts), errors.Join(faults...)
}

// withAccounts adds to the faults of a configuration the users and groups that this
// machine does not know.
func withAccounts(ctx context.Context, path string, err error) error {
	var faults config.Faults
	if !errors.As(err, &faults) {
		return err
	}
	faults = append(faults, task.CheckAccounts(ctx, config.Accounts(path))...)
	faults.Sort([]string{path})
	return faults
}
