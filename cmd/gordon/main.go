// Command gordon runs command-line scripts as background tasks that producers
// push to Redis. See gordon(8).
package main

import (
	"os"
	"runtime"
)

func main() {
	// The kernel gives a signal for the process to its first thread and to no other,
	// unless that blocks it; signal(7). On that thread no goroutine may make a system
	// call that hangs (a file on a dead server): SIGTERM would wait behind it.
	runtime.LockOSThread()
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}
