// Package taskqueue is the pool: it takes entries from Redis, runs them, and
// tells Redis what became of them. It owns who does what and when; what is said
// to Redis is in store, how a process is run in runner.
//
// The actors, one file each, and who waits for whom:
//
//	Pool       start, reload, stop          waits for its engines
//	engine     one Redis and queue_key      waits for all below
//	registrar  record, lease
//	recoverer  entries of dead instances
//	watcher    what is due, paused or cancelled
//	follower   goes where sentinels say that the master is
//	queue      one type: slots, decisions   waits for its fetcher, finisher, workers
//	fetcher    takes entries (blocking)
//	finisher   tells results, takes the next
//	worker     one entry: decode, run, judge, error_script
//
// What all queues share is small and never waits: the budget of a type, and the
// seats of max_running.
//
// # The life of a slot
//
//	free → taking → running → finishing → running (with the next entry) or free
//
// It is a plain state machine (slot.go) that its queue alone touches. Each
// transition that Redis has a part in ends only with certainty: the fetcher and
// the finisher keep asking until they know.
package taskqueue
