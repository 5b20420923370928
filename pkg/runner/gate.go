package runner

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Gate is passed by all starts of one daemon, so that one of them can have the
// OOM score of the daemon to itself, and those that would meet a dead file system
// learn from each other.
//
// A process inherits oom_score_adj from the process that forks it; threads have
// none of their own. Set from outside, it would come too late for what the
// script itself has forked by then. So the daemon takes the value on, forks, and
// goes back, and no other start may fall into that moment. The kernel lets an
// unprivileged process go back as far as a privileged one has last put it
// (oom_score_adj_min in fs/proc/base.c). Should the memory run out in this
// millisecond, the daemon is looked at as the task is; its entries are in Redis.
//
// A nil Gate lets all starts pass but those with an OOM score.
type Gate struct {
	mu   sync.RWMutex
	file *os.File // /proc/self/oom_score_adj
	err  error    // why there is none

	looks looks
}

// NewGate makes the gate of this daemon. Close must be called on it.
//
// The file is opened here and not when it is needed: the first child that
// changes its user shares our memory up to its execve(2), so that the kernel
// takes our own files in /proc away from us (PR_SET_DUMPABLE(2const)).
func NewGate() *Gate {
	file, err := os.OpenFile("/proc/self/oom_score_adj", os.O_RDWR, 0)
	return &Gate{file: file, err: err}
}

// known is what starts have learned about files that hang; nil without a gate.
func (g *Gate) known() *looks {
	if g == nil {
		return nil
	}
	return &g.looks
}

// Close closes the gate's file. No start with an OOM score may follow.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file != nil {
		_ = g.file.Close()
		g.file, g.err = nil, os.ErrClosed
	}
}

// start calls fork, while the daemon has the OOM score adj if that is not nil.
func (g *Gate) start(adj *int, fork func() error) error {
	if adj == nil {
		if g != nil {
			g.mu.RLock()
			defer g.mu.RUnlock()
		}
		return fork()
	}
	doing := fmt.Sprintf("set the OOM score to %d", *adj)
	if g == nil {
		return &StartError{Doing: doing, Err: unix.EINVAL}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	own, err := g.read()
	if err == nil {
		err = g.write(*adj)
	}
	if err != nil {
		e := &StartError{Doing: doing, Err: err}
		if errors.Is(err, unix.EACCES) {
			e.Hint = hintOOM
		}
		return e
	}
	err = fork()
	if back := g.write(own); back != nil && err == nil {
		// The child runs, so this is no error of its start. It can't be: to go
		// back is always allowed.
		g.err = fmt.Errorf("going back to the OOM score %d: %w", own, back)
	}
	return err
}

func (g *Gate) read() (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	var text [16]byte
	n, err := g.file.ReadAt(text[:], 0)
	if n == 0 {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text[:n])))
}

func (g *Gate) write(adj int) error {
	_, err := g.file.WriteAt([]byte(strconv.Itoa(adj)), 0)
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
