package daemon

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/nevsnode/gordon/v2/pkg/task"
)

// signals receives the signals of the daemon and passes them on. It records each at
// once, whatever the daemon is busy with: a task that ends by a signal that the daemon
// received too has not failed. Signals without a meaning for the daemon are recorded,
// too.
//
// No signal is ignored instead: child processes inherit ignored signals, and scripts
// do not expect an ignored SIGPIPE.
type signals struct {
	reload, stop chan os.Signal
	seen         *task.Signals

	all  chan os.Signal
	done chan struct{}
}

// newSignals registers for the signals. The caller must call close.
func newSignals() *signals {
	s := &signals{
		reload: make(chan os.Signal, 1),
		stop:   make(chan os.Signal, 4), // an impatient person sends a few in a row
		seen:   task.NewSignals(task.SignalTimeout),
		all:    make(chan os.Signal, 16),
		done:   make(chan struct{}),
	}
	signal.Notify(s.all, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		defer close(s.done)
		for sig := range s.all {
			s.pass(sig)
		}
	}()
	return s
}

func (s *signals) pass(sig os.Signal) {
	if number, ok := sig.(syscall.Signal); ok {
		s.seen.Note(number)
	}
	to := s.stop
	switch sig {
	case syscall.SIGHUP:
		to = s.reload
	case syscall.SIGUSR1, syscall.SIGUSR2:
		return
	}
	select {
	case to <- sig:
	default: // a full channel already holds the same request
	}
}

// close unregisters, and returns when no signal is passed on any more.
func (s *signals) close() {
	signal.Stop(s.all)
	close(s.all)
	<-s.done
}
