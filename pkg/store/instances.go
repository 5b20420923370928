package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Instance is what a daemon says of itself in the hash [Keys.Instances]: enough
// for another one to decide whether it lives, and to find every run list that
// it may have left entries in.
type Instance struct {
	ID string `json:"-"`
	// Host names the machine for people; the next five identify the process.
	Host         string `json:"host"`
	MachineID    string `json:"machine_id"`
	BootID       string `json:"boot_id"`
	PIDNamespace string `json:"pid_ns"`
	PID          int    `json:"pid"`
	// StartTime is in clock ticks since boot (proc(5), field 22 of stat).
	StartTime uint64 `json:"start_time"`
	Version   string `json:"version"`
	// Types are those that it has run since it started, by name.
	Types map[string]InstanceType `json:"types"`
}

// InstanceType is what others have to know of a type that an instance runs in
// order to recover its entries.
type InstanceType struct {
	// Lists is the number of run lists: [Keys.Run] 0 to n-1.
	Lists int `json:"slots"`
	// FailOnCrash says that an entry whose daemon died must not run again.
	FailOnCrash bool `json:"fail_on_crash,omitempty"`
	// FailedTTL is how long the failed list is kept, in s; 0 for the default.
	FailedTTL int64 `json:"failed_ttl,omitempty"`
}

// Register writes down an instance and renews its lease, as one step; lease is
// how long the instance counts as alive from now on (in whole ms). It comes
// before the first take: an entry in the run list of an unknown instance would
// be found by nobody.
func (c *Conn) Register(k Keys, i Instance, lease time.Duration) error {
	about, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("describe instance %s: %w", i.ID, err)
	}
	return c.transaction(
		call{"HSET", []any{k.Instances(), i.ID, about}},
		call{"SET", []any{k.Lease(i.ID), about, "PX", lease.Milliseconds()}},
	)
}

// Forget removes an instance. Its run lists must be empty.
func (c *Conn) Forget(k Keys, id string) error {
	return c.transaction(
		call{"HDEL", []any{k.Instances(), id}},
		call{"DEL", []any{k.Lease(id)}},
	)
}

// transaction carries out calls as one step (MULTI, EXEC).
func (c *Conn) transaction(calls ...call) error {
	all := append([]call{{name: "MULTI"}}, calls...)
	replies, err := c.pipeline(append(all, call{name: "EXEC"}))
	if err != nil {
		return err
	}
	results, err := redis.Values(replies[len(replies)-1], nil)
	if err != nil {
		return fmt.Errorf("%s: %w", calls[0].name, typed(firstError(replies, err)))
	}
	if err := firstError(results, nil); err != nil {
		return fmt.Errorf("%s: %w", calls[0].name, typed(err))
	}
	return nil
}

// firstError is the first reply that is an error: with EXECABORT it is the one
// that says why.
func firstError(replies []any, otherwise error) error {
	for _, r := range replies {
		if err, ok := r.(redis.Error); ok {
			return err
		}
	}
	return otherwise
}

// Instances returns every instance on record, in no order. Records that cannot
// be read are returned as errors beside it: they are not ours to remove.
func (c *Conn) Instances(k Keys) ([]Instance, []error, error) {
	all, err := redis.StringMap(c.do("HGETALL", k.Instances()))
	if err != nil {
		return nil, nil, err
	}
	var instances []Instance
	var unreadable []error
	for id, about := range all {
		i := Instance{ID: id}
		if err := json.Unmarshal([]byte(about), &i); err != nil {
			unreadable = append(unreadable, fmt.Errorf("record of instance %q in %s: %w", id, k.Instances(), err))
			continue
		}
		instances = append(instances, i)
	}
	return instances, unreadable, nil
}
