// Package task is one run of one entry: its command, how the command is carried out, the
// verdict, and the result for the entry.
//
//   - [Planner] turns a configuration into [Plans]: one [Plan] per task type, with
//     all that can be found out before an entry comes.
//   - [Run] is the data of one run. It can be written down and taken up again.
//   - [Worker] carries a run from the bytes of its entry to a [Result], through an
//     [Executor].
//   - retry.go has the rules by which an entry runs again or later, record.go the
//     record of a failure, errorscript.go the notification of people.
//
// It does not know when an entry is taken (see package taskqueue), and sends nothing to
// Redis: its caller sends the result.
package task
