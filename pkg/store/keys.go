package store

import (
	"strconv"
	"strings"
)

// Keys names every key of one queue_key. In the descriptions, Q is the queue_key, T the
// type of a task, I an instance and S the number of one of its run lists.
type Keys struct {
	// Prefix is the queue_key, Q.
	Prefix string
}

// Queue is the list Q:T: producers RPUSH, Gordon takes from the head. It does not expire.
func (k Keys) Queue(taskType string) string { return k.Prefix + ":" + taskType }

// Failed is the list Q:T:failed of failed entries. It expires failed_tasks_ttl after the
// last push.
func (k Keys) Failed(taskType string) string { return k.Queue(taskType) + ":failed" }

// Delayed is the sorted set Q:T:delayed of entries for later. The score is the time at
// which an entry is due (Unix ms). Producers ZADD, Gordon moves the entries that are due
// to the queue. It does not expire.
func (k Keys) Delayed(taskType string) string { return k.Queue(taskType) + delayedSuffix }

const delayedSuffix = ":delayed"

// Run is the list Q:T:run:I:S with the one entry that instance I runs from its run list
// S. It does not expire: after the death of the daemon it is all that is left of the
// entry.
func (k Keys) Run(taskType, instance string, list int) string {
	return k.Queue(taskType) + ":run:" + instance + ":" + strconv.Itoa(list)
}

// Instances is the hash Q:instances, instance → [Instance] as JSON. It does not expire.
func (k Keys) Instances() string { return k.Prefix + ":instances" }

// Lease is the string Q:instance:I. It expires if instance I does not renew it; see
// [Conn.Register].
func (k Keys) Lease(instance string) string { return k.Prefix + ":instance:" + instance }

// Connections is the hash Q:instance:I:connections of the connections of instance I,
// CLIENT ID → "". It is removed with the record of the instance; see
// [Conn.FenceInstance].
func (k Keys) Connections(instance string) string { return k.Lease(instance) + ":connections" }

// Suspect is the string Q:instance:I:suspect. It exists while instance I has time to come
// back, after it was taken for dead and its connections were closed; see
// [Conn.FenceInstance].
func (k Keys) Suspect(instance string) string { return k.Lease(instance) + ":suspect" }

// Takeover is the hash Q:instance:I:taken. Its field "at" is the time at which another
// instance last moved an entry of instance I (s.µs by the clock of Redis). It expires
// after [TakeoverKept].
func (k Keys) Takeover(instance string) string { return k.Lease(instance) + ":taken" }

// Notes is the hash Q:instances:I of instance I, T:S → [Note]. It is removed with the
// record of the instance. It does not expire.
func (k Keys) Notes(instance string) string { return k.Instances() + ":" + instance }

// Paused is the set Q:paused of the paused types. It does not expire.
func (k Keys) Paused() string { return k.Prefix + ":paused" }

// Duty is the set Q:instances:duty of the instances that move the entries for later of
// all types; see [Watch.Duty]. It does not expire: an instance that is gone is removed
// by the next one that asks.
func (k Keys) Duty() string { return k.Instances() + ":duty" }

// Control is the channel Q:control of orders for all instances; see [Order].
func (k Keys) Control() string { return k.Prefix + ":control" }

// Own is the channel Q:control:I of orders for instance I alone. The instance is
// subscribed to it while its watch is connected.
func (k Keys) Own(instance string) string { return k.Control() + ":" + instance }

// never is a key beside a run list that does not exist.
func (k Keys) never(r RunList) string { return k.run(r) + ":nothing" }

// HashTag reports whether all keys are in one slot of a cluster: the prefix has a part
// in braces that is not empty
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags).
func (k Keys) HashTag() bool {
	_, tag, open := strings.Cut(k.Prefix, "{")
	tag, _, closed := strings.Cut(tag, "}")
	return open && closed && tag != ""
}
