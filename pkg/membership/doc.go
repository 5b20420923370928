// Package membership keeps an instance of gordon on record in Redis, and brings back the
// entries of instances that died.
//
//   - [Registrar]: the record and the lease of this instance, and the audit of its run
//     lists after Redis may have changed them.
//   - [Recoverer]: finds dead instances (recoverer.go) and requeues or fails the entries
//     that they left (recover.go).
//   - [Ended]: which instances ended in an orderly way, although Redis did not hear of it.
//
// It knows run lists by their number, and neither queues nor how an entry is carried
// out: its owner passes functions for that.
package membership
