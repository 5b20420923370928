package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notify registers for the signals of the daemon. No signal is ignored instead
// of handled: a process passes on what it ignores to those it starts, and a
// script that ignores SIGPIPE, say, behaves in odd ways.
func notify(hangups, stops chan<- os.Signal) {
	signal.Notify(hangups, syscall.SIGHUP)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
}
