// Package stats counts the runs of the daemon and serves the counts over HTTP. GET /
// answers as in Gordon 1.6.5, {"runtime":5,"task_count":{"T":9},"version":"…"}, with
// further properties: the results of the runs per type, and the state of Redis.
//
// It must not know how tasks are run or where the configuration comes from. A fault of
// the interface never stops a task.
package stats
