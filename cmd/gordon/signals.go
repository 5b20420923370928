package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notify registers for the signals of the daemon. SIGPIPE is ignored by the
// runtime for everything but standard output and error, and there a log that
// nobody reads must not end the daemon either.
func notify(hangups, stops chan<- os.Signal) {
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(hangups, syscall.SIGHUP)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
}
