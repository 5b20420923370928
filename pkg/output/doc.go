// Package output owns the log and the notification of people about failures: the slog
// handlers for the journal, for a terminal or pipe and for a logfile, the names of the
// log's fields and messages, and the error_script.
//
// It must not know what a task is, where the configuration comes from, or how a process
// is started: a function that the caller passes runs the error_script, because only the
// runner starts processes.
//
// A log that cannot be written never stops a task. The first failure is reported once on
// standard error. The lost records are counted, and the count is logged when writing
// works again.
package output
