// Package taskqueue decides when an entry is taken and started, and when its result is
// reported to Redis.
//
// The actors, one file each, and which waits for which:
//
//	Pool       start, reload, stop          waits for its engines
//	engine     one Redis and queue_key      waits for all below
//	  registrar, recoverer (package membership)
//	  watcher, follower    (package watch)
//	queue      one type: slots, decisions   waits for its fetcher, finisher, workers
//	fetcher    takes entries (blocking)
//	finisher   reports results, takes the next entry
//	worker     one run of one entry         (package task)
//
// All queues share the budget of a type and the permits of max_running (package
// admission), which never wait.
//
// # The life of a slot
//
//	free → taking → running → finishing → running (with the next entry) or free
//
// It is a plain state machine (slot.go) that only its queue touches. Each transition in
// which Redis takes part ends only with certainty: the fetcher and the finisher ask again
// until they know.
//
// The package knows neither the configuration nor processes: plans and runs are those of
// package task.
package taskqueue
