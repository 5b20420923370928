// Package store is everything that Gordon asks of Redis about entries and instances:
// the names of the keys ([Keys]), and the few commands and scripts that move an entry.
//
//   - take.go, note.go: an entry comes into a run list, which has a note of the run.
//   - finish.go, keep.go: what becomes of it, and the limits of the failed list.
//   - due.go, duty.go: entries for later, and which instances move them.
//   - instances.go, validate.go, register.go: the record and the lease of an instance.
//   - fence.go, inspect.go, recover.go: whether an instance is dead, and what becomes of
//     its entries.
//   - watch.go, news.go: changes and orders, which Redis reports by itself.
//   - client.go, server.go: connections, and the server at their other end.
//   - times.go: the times of the protocol between Redis and the instances.
//
// It must not know what a task is, how a process is run or when something is tried
// again: callers decide that, helped by typed errors. An entry is a slice of bytes that
// Redis moves whole; store never decodes it. Connections belong to package redisconn,
// which also describes what is certain after an error.
//
// Each script is one step: nobody sees its middle, and a crash comes before or after it.
package store
