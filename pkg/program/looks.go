package program

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

const (
	// lookTimeout limits the time that the file systems of a script have to answer. A
	// short limit does little harm, because the caller tries a start again.
	lookTimeout = 2 * time.Second
	// looksAtOnce limits how many starts look at the same files at once, and so the
	// number of threads that a dead file system keeps.
	looksAtOnce = 4
)

// Looks limits calls that look at files, and remembers the files that hang. The zero
// value is ready to use. A nil Looks remembers nothing.
type Looks struct {
	mu    sync.Mutex
	paths map[string]*look
}

// look is shared by the calls for one key.
type look struct {
	places files.Calls
	users  int // calls that run or wait for a place; guarded by Looks.mu
	hung   int // calls that do not return; guarded by Looks.mu
}

// Within calls f, which must call ready when it has looked at the files. The key identifies
// those files. If f does not do so within lookTimeout, Within returns an error that wraps
// [files.ErrHangs], and ready returns false if f ever calls it. Once ready has returned
// true, Within waits for f without a limit. While one call for a key hangs, others fail
// at once.
func (l *Looks) Within(key string, f func(ready func() bool) error) error {
	timer := time.NewTimer(lookTimeout)
	defer timer.Stop()
	k, hangs := l.enter(key)
	if hangs {
		return Hangs()
	}
	select {
	case k.places <- struct{}{}:
	case <-timer.C:
		l.leave(key, k, 0)
		return Hangs()
	}
	const looking, finished, abandoned = 0, 1, 2
	var state atomic.Int32
	result := make(chan error, 1)
	go func() {
		looked := sync.OnceFunc(func() {
			<-k.places
			if !state.CompareAndSwap(looking, finished) {
				l.leave(key, k, 1)
				return
			}
			l.leave(key, k, 0)
		})
		defer looked()
		result <- f(func() bool {
			looked()
			return state.Load() == finished
		})
	}()
	select {
	case err := <-result:
		return err
	case <-timer.C:
	}
	if l.abandon(k, func() bool { return state.CompareAndSwap(looking, abandoned) }) {
		return Hangs()
	}
	return <-result
}

// enter adds a user of the key, unless a call for the key hangs.
func (l *Looks) enter(key string) (k *look, hangs bool) {
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

// leave removes a user of the key. abandoned is 1 if Within no longer waited for it,
// else 0.
func (l *Looks) leave(key string, k *look, abandoned int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k.hung -= abandoned
	if k.users--; k.users == 0 {
		delete(l.paths, key)
	}
}

// abandon counts a call that does not return. It does nothing and returns false if
// inTime does, because the call has just returned.
func (l *Looks) abandon(k *look, inTime func() bool) bool {
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

// Hangs returns the error for files that did not answer in time.
func Hangs() error { return fmt.Errorf("%w within %v", files.ErrHangs, lookTimeout) }
