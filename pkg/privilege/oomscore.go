package privilege

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/step"
)

// OOMScore changes the OOM score of the daemon for the moment of a fork, so that the
// child inherits it.
//
// A process inherits oom_score_adj from the process that forks it; threads have no
// score of their own. Set from outside, it would come too late for processes that the
// script itself has forked by then. So the daemon takes the value on, forks, and
// goes back, and no other start may happen in that moment. The kernel lets an
// unprivileged process go back as far as a privileged one has last put it
// (oom_score_adj_min in fs/proc/base.c). If memory runs out in this millisecond, the
// kernel judges the daemon by the task's score; the daemon's entries are in Redis.
//
// A nil OOMScore allows all forks except those with a score.
type OOMScore struct {
	mu   sync.RWMutex
	file *os.File // /proc/self/oom_score_adj
	err  error    // the reason why file cannot be used
}

// OpenOOMScore opens the file of the score. The caller must call Close.
//
// The file is opened at the start of the daemon and not when it is needed: the first
// child that changes its user shares the daemon's memory up to its execve(2), so that
// the kernel takes the daemon's own files in /proc away from it
// (PR_SET_DUMPABLE(2const)).
func OpenOOMScore() *OOMScore {
	file, err := os.OpenFile("/proc/self/oom_score_adj", os.O_RDWR, 0)
	return &OOMScore{file: file, err: err}
}

// Close closes the file. No fork with a score may follow.
func (s *OOMScore) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close()
		s.file, s.err = nil, os.ErrClosed
	}
}

// During calls fork. If adj is not nil, the daemon has that score meanwhile, and no
// other call of During runs.
func (s *OOMScore) During(adj *int, fork func() error) error {
	if adj == nil {
		if s != nil {
			s.mu.RLock()
			defer s.mu.RUnlock()
		}
		return fork()
	}
	doing := fmt.Sprintf("set the OOM score to %d", *adj)
	if s == nil {
		return &step.Error{Doing: doing, Err: unix.EINVAL}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own, err := s.read()
	if err == nil {
		err = s.write(*adj)
	}
	if err != nil {
		e := &step.Error{Doing: doing, Err: err}
		if errors.Is(err, unix.EACCES) {
			e.Hint = hintOOM
		}
		return e
	}
	err = fork()
	if back := s.write(own); back != nil && err == nil {
		// The child runs, so this is not an error of its start. It should not happen:
		// going back is always allowed.
		s.err = fmt.Errorf("restoring the OOM score %d: %w", own, back)
	}
	return err
}

func (s *OOMScore) read() (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	var text [16]byte
	n, err := s.file.ReadAt(text[:], 0)
	if n == 0 {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text[:n])))
}

func (s *OOMScore) write(adj int) error {
	_, err := s.file.WriteAt([]byte(strconv.Itoa(adj)), 0)
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
