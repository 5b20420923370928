package runner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// KillMarked kills the processes that a dead instance has left behind: it sends
// SIGKILL to every process whose environment holds GORDON_TASK_ID=m with
// match(m), and returns when they are gone and a new search finds none. It
// returns how many it has killed. match may be called often, and several times
// with the same value.
//
// Only what this process may see and read in /proc is found: with the usual
// rights those are the processes of its own user, and with CAP_SETUID and
// CAP_SETGID those of all but root, who takes root. It never kills this process
// or pid 1, and never a process that got the pid of one that ended meanwhile.
//
// The error is that of ctx when it ends before all are gone, or names the
// processes that could not be killed; those are not waited for.
func KillMarked(ctx context.Context, match func(marker string) bool) (killed int, err error) {
	h := hunt{
		tree:    tree{marked: match, known: map[procID]bool{}, foreign: foreign()},
		killed:  map[procID]bool{},
		refused: map[procID]error{},
	}
	clean := 0
	for pause := firstLook; clean < cleanScans; pause = min(2*pause, lastLook) {
		left, err := h.round()
		switch {
		case err != nil:
			return len(h.killed), err
		case left == 0:
			clean++
			pause = firstLook
			continue
		}
		clean = 0
		if !sleep(ctx, pause) {
			return len(h.killed), fmt.Errorf("killing left-over processes: %d left: %w", left, ctx.Err())
		}
	}
	return len(h.killed), h.err()
}

// foreign says whose environment can be read besides the one of the own user: the
// tasks of a dead instance may have run as anybody.
func foreign() func(uid uint32) bool {
	if os.Geteuid() == 0 || missingCaps(unix.CAP_SETUID, unix.CAP_SETGID) != "" {
		return nil // root reads all of them, others none
	}
	return func(uint32) bool { return true }
}

// hunt is one KillMarked under way.
type hunt struct {
	tree    tree
	killed  map[procID]bool
	refused map[procID]error // those that can't be killed, and why
}

// round kills whatever is found, and returns how many are not gone yet.
func (h *hunt) round() (left int, err error) {
	members, err := h.tree.find()
	if err != nil {
		return 0, err
	}
	for _, st := range members {
		id := idOf(st)
		if h.refused[id] != nil {
			continue
		}
		left++
		if h.killed[id] {
			continue // it is on its way
		}
		sent, err := id.signal(unix.SIGKILL)
		if err != nil {
			h.refused[id] = err
			left--
		} else if sent {
			h.killed[id] = true
		}
	}
	return left, nil
}

func (h *hunt) err() error {
	var errs []error
	for _, err := range h.refused {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
