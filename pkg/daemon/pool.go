package daemon

import (
	"fmt"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// poolConfig is the part of a configuration that the pool serves.
func poolConfig(c *config.Config, plans *task.Plans) taskqueue.Config {
	return taskqueue.Config{Target: target(c), Plans: plans, MaxRunning: c.MaxRunning, TempDir: c.TempDir}
}

// target is the Redis of a configuration.
func target(c *config.Config) taskqueue.Target {
	o := store.Options{
		Network: c.RedisNetwork, Address: c.RedisAddress, Database: c.Redis.Database,
		Login: store.Login{Username: c.Redis.Username, PasswordFile: c.Redis.PasswordFile},
	}
	if t := c.Redis.TLS; t.Enabled {
		o.TLS = &store.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
	}
	if s := c.Redis.Sentinel; len(s.Addresses) > 0 {
		o.Sentinel = store.Sentinel{
			Addresses: s.Addresses, Master: s.Master,
			Login: store.Login{Username: s.Username, PasswordFile: s.PasswordFile},
		}
	}
	return taskqueue.Target{QueueKey: c.QueueKey, Redis: o}
}

// closePlanner closes the planner if nothing that runs needs it any more. A pool that left
// processes behind has not ended.
func (d *daemon) closePlanner() {
	select {
	case <-d.pool.Over():
		d.planner.Close()
	default:
	}
}

// status is the state of the daemon in one line, for STATUS= of systemd.
func (d *daemon) status() string {
	s := d.counters.Snapshot()
	types := "types"
	if s.Types == 1 {
		types = "type"
	}
	health := "reloading"
	if !d.reloading.Load() {
		health = d.pool.Health()
	}
	return fmt.Sprintf("%d running, %d %s, %d done, %d failed; %s", s.Running, s.Types, types, s.Done, s.Failed, health)
}
