package task

import (
	"sync"
	"syscall"
	"time"
)

const (
	// SignalTimeout is how long the end of a task by a signal waits until the daemon
	// has received the same signal: a program that signals many processes reaches one
	// after the other, and the daemon may be the last.
	SignalTimeout = 500 * time.Millisecond
	// signalEffect is how long after the daemon's signal a task that ends by the same
	// signal counts as ended by it: a script may clean up first. A signal to stop
	// has no such limit.
	signalEffect = 5 * time.Second
)

// Signals remembers which signals the daemon received and when. A signal to a whole
// control group ("systemctl kill"), process group or user reaches the tasks as well,
// and a task that ends by it has not failed. It is safe for concurrent use.
type Signals struct {
	timeout time.Duration

	mu    sync.Mutex
	times map[syscall.Signal]time.Time
	// news is closed, and made anew, by each Note.
	news chan struct{}
}

// NewSignals returns an empty memory. timeout is how long the end of a task by a signal
// waits until the daemon has received the same signal; see [SignalTimeout].
func NewSignals(timeout time.Duration) *Signals {
	return &Signals{timeout: timeout, times: make(map[syscall.Signal]time.Time), news: make(chan struct{})}
}

// Note records that the daemon received a signal now.
func (s *Signals) Note(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[sig] = time.Now()
	close(s.news)
	s.news = make(chan struct{})
}

// got reports whether the daemon has received the signal that has just ended a task. It
// waits up to the timeout for a signal that people send to daemons. A nil receiver
// knows of no signal.
func (s *Signals) got(sig syscall.Signal) bool {
	if s == nil || !commonSignal(sig) {
		return false
	}
	ended := time.Now()
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	for {
		known, news := s.look(sig, ended)
		if known {
			return true
		}
		select {
		case <-news:
		case <-timer.C:
			return false
		}
	}
}

func (s *Signals) look(sig syscall.Signal, ended time.Time) (known bool, news <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.times[sig]
	return known && (stops(sig) || ended.Sub(at) < signalEffect), s.news
}

// commonSignal reports whether people send the signal to a daemon.
func commonSignal(sig syscall.Signal) bool {
	return stops(sig) || sig == syscall.SIGHUP || sig == syscall.SIGUSR1 || sig == syscall.SIGUSR2
}

// stops reports whether the daemon stops after the signal.
func stops(sig syscall.Signal) bool { return sig == syscall.SIGTERM || sig == syscall.SIGINT }

// stopping reports whether the daemon has received a signal to stop.
func (s *Signals) stopping() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sig := range s.times {
		if stops(sig) {
			return true
		}
	}
	return false
}
