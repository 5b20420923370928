// Command gordon runs command-line scripts as background tasks that producers
// push to Redis. See gordon(8).
package main

import (
	"context"
	"os"
	"runtime"
)

func main() {
	// The kernel delivers a signal for the process to its first thread, unless that
	// thread blocks it; signal(7). No goroutine on that thread may make a system call
	// that hangs (a file on a dead server): SIGTERM would wait behind it.
	runtime.LockOSThread()
	os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
}
