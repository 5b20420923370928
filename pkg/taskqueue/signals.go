package taskqueue

import (
	"context"
	"sync"
	"syscall"
	"time"
)

const (
	// signalPatience is how long the end of a task by a signal waits for the news
	// that the daemon has got it as well: whoever signals many processes comes to
	// one after the other, and the daemon may be the last.
	signalPatience = 500 * time.Millisecond
	// signalEffect is how long after the daemon's signal the end of a task by the
	// same one is taken for its effect: a script may clean up first. A signal to
	// stop has no such limit.
	signalEffect = 5 * time.Second
)

// Signals remembers which signals the daemon got and when. Whoever signals a whole
// control group ("systemctl kill"), process group or user reaches the tasks as
// well, and what ends by that has not failed.
type Signals struct {
	patience time.Duration // signalPatience, but for tests

	mu    sync.Mutex
	times map[syscall.Signal]time.Time
	// news is closed, and made anew, by each Note.
	news chan struct{}
}

// NewSignals returns a memory without any signal.
func NewSignals() *Signals {
	return &Signals{patience: signalPatience, times: make(map[syscall.Signal]time.Time), news: make(chan struct{})}
}

// Note says that the daemon got a signal now.
func (s *Signals) Note(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[sig] = time.Now()
	close(s.news)
	s.news = make(chan struct{})
}

// got reports whether the daemon has got the signal that has just ended a task. It
// waits up to signalPatience, for those signals alone that a daemon gets.
func (s *Signals) got(sig syscall.Signal) bool {
	if s == nil || !commonSignal(sig) {
		return false
	}
	ended := time.Now()
	timer := time.NewTimer(s.patience)
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

// stopping reports whether the daemon has been told to stop.
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

// sharedSignal notes that the task was ended by a signal that the daemon got, too.
// A daemon that is about to stop must not take the entry anew, and puts it back
// with all others, in their order: the drain, which follows, is waited for.
func (w *worker) sharedSignal(ctx context.Context, v *verdict) {
	w.cutShort(v, "a signal to gordon has ended this as well")
	if !w.settings.Signals.stopping() {
		return
	}
	select {
	case <-w.drained.Done():
	case <-ctx.Done():
	}
}
