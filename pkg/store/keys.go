package store

import "strconv"

// Keys names every key of one queue_key. Q is the queue_key, T a task's type, I
// an instance and S the number of one of its run lists.
type Keys struct {
	// Prefix is the queue_key, Q.
	Prefix string
}

// Queue is the list Q:T: producers RPUSH, gordon takes at the head. No expiry.
func (k Keys) Queue(taskType string) string { return k.Prefix + ":" + taskType }

// Failed is the list Q:T:failed of failed entries. It expires failed_tasks_ttl
// after the last push.
func (k Keys) Failed(taskType string) string { return k.Queue(taskType) + ":failed" }

// Delayed is the sorted set Q:T:delayed of entries for later, scored by when they
// are due (Unix ms). Producers ZADD, gordon moves what is due to the queue. No
// expiry.
func (k Keys) Delayed(taskType string) string { return k.Queue(taskType) + delayedSuffix }

const delayedSuffix = ":delayed"

// Run is the list Q:T:run:I:S that holds the one entry that run list S of
// instance I is running. No expiry: it is all that is left of an entry whose
// daemon died.
func (k Keys) Run(taskType, instance string, list int) string {
	return k.Queue(taskType) + ":run:" + instance + ":" + strconv.Itoa(list)
}

// Instances is the hash Q:instances, instance → [Instance] as JSON. No expiry.
func (k Keys) Instances() string { return k.Prefix + ":instances" }

// Lease is the string Q:instance:I that lives as long as instance I renews it.
// It expires when it was not renewed; see [Conn.Register].
func (k Keys) Lease(instance string) string { return k.Prefix + ":instance:" + instance }

// Connections is the hash Q:instance:I:connections of the connections of instance I,
// CLIENT ID → "". It goes with the record of the instance; see [Conn.FenceInstance].
func (k Keys) Connections(instance string) string { return k.Lease(instance) + ":connections" }

// Suspect is the string Q:instance:I:suspect that exists as long as instance I has
// time to come back, after it was taken for dead and its connections were closed; see
// [Conn.FenceInstance].
func (k Keys) Suspect(instance string) string { return k.Lease(instance) + ":suspect" }

// Taken is the hash Q:instance:I:taken, whose field "at" is when an entry of instance
// I was last moved by another one (s.µs by the clock of Redis). It expires after
// [TakenKept].
func (k Keys) Taken(instance string) string { return k.Lease(instance) + ":taken" }

// Notes is the hash Q:instances:I of instance I, type, colon and S → [Note]. It goes with
// the instance's record. No expiry.
func (k Keys) Notes(instance string) string { return k.Instances() + ":" + instance }

// Paused is the set Q:paused of types that nothing is taken of. No expiry.
func (k Keys) Paused() string { return k.Prefix + ":paused" }

// Duty is the set Q:instances:duty of the instances that move the entries for later
// of all types; see [Watch.Duty]. No expiry: an instance that is gone is taken off by
// the next one that asks.
func (k Keys) Duty() string { return k.Instances() + ":duty" }

// Control is the channel Q:control on which all instances hear what to do at once;
// see [Order].
func (k Keys) Control() string { return k.Prefix + ":control" }

// Own is the channel Q:control:I of instance I, which is subscribed to it for as long
// as its watch is connected. Orders there are for it alone.
func (k Keys) Own(instance string) string { return k.Control() + ":" + instance }
