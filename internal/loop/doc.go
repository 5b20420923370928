// Package loop is the common part of the actors of gordon. An actor is one
// goroutine that waits for work, does it and waits again, until its context ends.
//
//   - [Pacer]: the pauses between attempts that fail.
//   - [Pulse]: the proof, for the watchdog, that the loop does not hang.
//   - [Health]: the state of one Redis, gathered from all connections to it.
//
// It knows nothing of entries and tasks.
package loop
