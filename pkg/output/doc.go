// Package output owns where the log goes and how people hear of failures: the
// slog handlers for the journal, for a terminal or pipe and for a logfile, the
// names of the log's fields and messages, and the error_script.
//
// It must not know what a task is, where the configuration comes from, or how a
// process is started: the error_script is run by a function that is passed in,
// because only the runner starts processes.
//
// A log that can't be written never stops a task. The first failure is said
// once on standard error, the lost records are counted, and the count is logged
// when writing works again.
package output
