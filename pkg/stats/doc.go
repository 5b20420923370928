// Package stats counts what the daemon does and serves the counts over HTTP, in
// the words of Gordon 1.6.5: GET / answers
// {"runtime":5,"task_count":{"T":9},"version":"…"}, and, once runs have ended, how,
// and how Redis is.
//
// It must not know how tasks are run or where the configuration comes from. A
// fault of the interface never stops a task.
package stats
