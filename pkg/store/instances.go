package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// LeaseTTL is how long an instance counts as alive after it was last heard of.
const LeaseTTL = 30 * time.Second

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
	// Lists is, by type, the number of run lists: [Keys.Run] 0 to n-1.
	Lists map[string]int `json:"slots"`
}

// Register writes down an instance and renews its lease, as one step. It comes
// before the first take: an entry in the run list of an unknown instance would
// be found by nobody.
func (c *Conn) Register(k Keys, i Instance) error {
	about, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("describe instance %s: %w", i.ID, err)
	}
	return c.transaction(
		call{"HSET", []any{k.Instances(), i.ID, about}},
		call{"SET", []any{k.Lease(i.ID), about, "EX", int(LeaseTTL.Seconds())}},
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

// Recover moves what stands in the run lists of a dead instance back to the
// head of the queues, by type how many. Each move is atomic, so that of several
// daemons that try at once exactly one moves an entry.
func (c *Conn) Recover(k Keys, dead Instance) (map[string]int, error) {
	moved := make(map[string]int)
	for taskType, lists := range dead.Lists {
		for list := range lists {
			run := k.Run(taskType, dead.ID, list)
			for {
				_, err := redis.Bytes(c.do("LMOVE", run, k.Queue(taskType), "RIGHT", "LEFT"))
				if err == redis.ErrNil {
					break
				}
				if err != nil {
					return moved, fmt.Errorf("recover %s: %w", run, err)
				}
				moved[taskType]++
			}
		}
	}
	return moved, nil
}
