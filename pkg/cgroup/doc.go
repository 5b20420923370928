// Package cgroup gives each run of a task a control group of its own, in the
// part of the hierarchy that the service manager has delegated to Gordon.
//
// It owns the files below that group: their existence, their limits and their counters.
// It starts no process, and knows only the pids of processes. For pkg/runner a [Run] is
// something that keeps processes together. The package imports pkg/host, and pkg/config
// for the limits.
//
// # Requirements
//
// Control groups of version 2, Linux 5.7 (CLONE_INTO_CGROUP), and a unit with
// Delegate=yes. Then Gordon may change everything below its own group, and systemd
// changes nothing there (single-writer rule; systemd's CGROUP_DELEGATION.md, the
// kernel's Documentation/admin-guide/cgroup-v2.rst). If one of them is missing, [Open]
// returns the reason, and Gordon works without control groups.
//
// # Processes that a group does not catch
//
// A process can leave its group on purpose. A process of Gordon's own user may write to
// the files that are Gordon's, and so move itself into another group of
// the unit. It is still found by its environment, and ends with the unit.
package cgroup
