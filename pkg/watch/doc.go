// Package watch has the actors that Redis and its sentinels notify.
//
//   - [Watcher]: which types are paused, which tasks are to be cancelled, and which
//     entries for later are due. It moves these to their queues if its instance is on
//     duty.
//   - [Follower]: which server the sentinels name as the master.
//
// Nothing here takes or runs an entry.
package watch
