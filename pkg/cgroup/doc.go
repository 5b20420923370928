// Package cgroup gives each run of a task a control group of its own, in the
// part of the hierarchy that the service manager has delegated to Gordon.
//
// It owns the files below that group: which exist, what is written to them, and
// what they tell. It knows nothing about processes but their pids: it starts
// none, and a [Run] is handed to pkg/runner as no more than something that keeps
// processes together. It is beside pkg/host, and knows pkg/config for the limits.
//
// # What it takes
//
// Control groups of version 2, Linux 5.7 (CLONE_INTO_CGROUP), and a unit with
// Delegate=yes. Then Gordon may do below its own group what it likes, and systemd
// does nothing there (single-writer rule; systemd's CGROUP_DELEGATION.md, the
// kernel's Documentation/admin-guide/cgroup-v2.rst). Where that is not so, [Open]
// says why, and everything goes on without.
//
// # What a group does not catch
//
// A process that leaves it on purpose. Who runs as Gordon's own user may write to
// the files that are Gordon's, and with that move itself into another group of
// the unit. What gets away like this is still found by its environment, and ends
// with the unit.
package cgroup
