// Package watch has the actors that Redis and its sentinels notify.
//
//   - [Watcher]: the paused types, the requests to cancel tasks, and the delayed entries
//     that are due. It moves these to their queues if its instance is on duty.
//   - [Follower]: the master, as the sentinels report it.
//
// The package takes and runs no entry.
package watch
