package runner

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// A start looks at the files that execve(2) will open before it forks, because an
// execve that hangs, on the mount of a dead server, hangs the daemon: the thread that
// forks waits for it, and the next garbage collection for that thread. An ordinary
// system call that hangs keeps no more than its own thread.
const (
	// lookPatience is how long the file systems of a script may take to answer. To
	// be too short does little harm: who starts a task tries again.
	lookPatience = 2 * time.Second
	// looksAtOnce bounds how many starts look at the same files at once, and with
	// it the threads that a dead file system keeps.
	looksAtOnce = 4
)

// looks knows which files hang. The zero value is ready, and a nil one knows none.
type looks struct {
	mu    sync.Mutex
	paths map[string]*look
}

// look is for those who look at the same files, or wait for a place to do that.
type look struct {
	places files.Calls
	users  int // guarded by looks.mu, as is the next one
	hung   int // how many do not come back
}

// within calls f, which has to call ready when it has looked at the files that the
// key stands for. If that takes longer than lookPatience, within returns an error that
// wraps [files.ErrHangs], and ready returns false whenever f comes to it. Once ready
// has returned true, within waits for f without a bound. While one call for a key
// hangs, others fail at once.
func (l *looks) within(key string, f func(ready func() bool) error) error {
	timer := time.NewTimer(lookPatience)
	defer timer.Stop()
	k, hangs := l.enter(key)
	if hangs {
		return errHangs()
	}
	select {
	case k.places <- struct{}{}:
	case <-timer.C:
		l.leave(key, k, 0)
		return errHangs()
	}
	const looking, through, givenUp = 0, 1, 2
	var state atomic.Int32
	result := make(chan error, 1)
	go func() {
		looked := sync.OnceFunc(func() {
			<-k.places
			if !state.CompareAndSwap(looking, through) {
				l.leave(key, k, 1)
				return
			}
			l.leave(key, k, 0)
		})
		defer looked()
		result <- f(func() bool {
			looked()
			return state.Load() == through
		})
	}()
	select {
	case err := <-result:
		return err
	case <-timer.C:
	}
	if l.giveUp(k, func() bool { return state.CompareAndSwap(looking, givenUp) }) {
		return errHangs()
	}
	return <-result
}

// enter counts a user of the key in, unless it hangs.
func (l *looks) enter(key string) (k *look, hangs bool) {
	if l == nil {
		return &look{places: files.NewCalls(1)}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k = l.paths[key]
	if k == nil {
		k = &look{places: files.NewCalls(looksAtOnce)}
		if l.paths == nil {
			l.paths = make(map[string]*look)
		}
		l.paths[key] = k
	}
	if k.hung > 0 {
		return nil, true
	}
	k.users++
	return k, false
}

// leave counts one out, who was given up or not.
func (l *looks) leave(key string, k *look, givenUp int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k.hung -= givenUp
	if k.users--; k.users == 0 {
		delete(l.paths, key)
	}
}

// giveUp notes that one does not come back, if it is not too late for that.
func (l *looks) giveUp(k *look, inTime func() bool) bool {
	if l == nil {
		return inTime()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !inTime() {
		return false
	}
	k.hung++
	return true
}

func errHangs() error {
	return &StartError{Err: fmt.Errorf("%w within %v", files.ErrHangs, lookPatience), passes: true}
}
