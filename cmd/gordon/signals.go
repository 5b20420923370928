package main

import (
	"os"
	"os/signal"
	"syscall"
)

// relay passes the signals of the daemon on, and notes each in the moment in which
// it comes, whatever the daemon is busy with: a task that ends by the same signal has
// not failed. Those that mean nothing to the daemon are noted, too.
//
// No signal is ignored instead of handled: a process passes on what it ignores to
// those it starts, and a script that ignores SIGPIPE, say, behaves in odd ways.
type relay struct {
	hangups, stops chan os.Signal
	all            chan os.Signal
	ended          chan struct{}
}

// newRelay registers for the signals. Stop must be called on it.
func newRelay(note func(syscall.Signal)) *relay {
	r := &relay{
		hangups: make(chan os.Signal, 1),
		stops:   make(chan os.Signal, 4), // a few impatient ones in a row
		all:     make(chan os.Signal, 16),
		ended:   make(chan struct{}),
	}
	signal.Notify(r.all, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		defer close(r.ended)
		for sig := range r.all {
			r.pass(sig, note)
		}
	}()
	return r
}

func (r *relay) pass(sig os.Signal, note func(syscall.Signal)) {
	if number, ok := sig.(syscall.Signal); ok {
		note(number)
	}
	to := r.stops
	switch sig {
	case syscall.SIGHUP:
		to = r.hangups
	case syscall.SIGUSR1, syscall.SIGUSR2:
		return
	}
	select {
	case to <- sig:
	default: // one more of those that wait already says nothing new
	}
}

// stop gives the signals back, and returns when nothing is passed on any more.
func (r *relay) stop() {
	signal.Stop(r.all)
	close(r.all)
	<-r.ended
}
