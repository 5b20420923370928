package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/output"
)

// reload replaces the configuration, or logs every reason why it did not. The
// service manager is told that the reload is over in both cases: it would wait
// for ever otherwise.
func (d *daemon) reload(ctx context.Context) error {
	d.say("reloading", d.notifier.Reloading())
	err := d.replaceConfig(ctx)
	if err != nil {
		d.log.Error("the reload is refused, the old configuration goes on", output.KeyError, err.Error(), output.KeyMessageID, output.MsgReloadRefused)
	} else {
		d.log.Info("reloaded", "types", len(d.config.Tasks), "config", d.config.Path, output.KeyMessageID, output.MsgReloaded)
	}
	d.say("ready", d.notifier.Ready(d.pool.Status()))
	return err
}

// replaceConfig is all or nothing: everything that can fail is prepared first,
// and nothing that was prepared takes effect before all of it is.
func (d *daemon) replaceConfig(ctx context.Context) error {
	c, err := d.app.load()
	if err != nil {
		return err
	}
	if err := d.enforceable(c); err != nil {
		return err
	}
	sink, err := d.sink.Prepare(c.Logfile)
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	served, err := d.server.Prepare(statsOptions(c))
	if err != nil {
		sink.Discard()
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	err = d.pool.Reload(ctx, c, func() { d.commit(c, sink.Commit, served.Commit) })
	if err != nil {
		sink.Discard()
		served.Discard()
	}
	return err
}

func (d *daemon) commit(c *config.Config, changes ...func()) {
	for _, change := range changes {
		change()
	}
	d.counters.SetTypes(types(c))
	d.config = c
	for _, n := range c.Notices {
		d.log.Warn(n)
	}
}

// absolute makes a path absolute, from dir; "" stays.
func absolute(path, dir string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
