package proctree

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
)

// KillMarked kills the processes that a dead instance has left behind: it sends
// SIGKILL to every process whose environment holds GORDON_TASK_ID=m with
// match(m), and returns when they are gone and a new search finds none. It
// returns the number of killed processes. match may be called often, and several times
// with the same value.
//
// KillMarked finds only processes that this process may see and read in /proc. With the
// usual rights those are the processes of its own user. With CAP_SETUID and
// CAP_SETGID they are those of all users except root, whose environment only root may
// read. It never kills this process or pid 1, and never a process that got the pid of one
// that ended meanwhile.
//
// It returns the error of ctx if ctx ends before all processes are gone. Processes that
// cannot be killed are named in the error, and not waited for.
func KillMarked(ctx context.Context, match func(marker string) bool) (killed int, err error) {
	k := killSweep{
		tree:    Tree{marked: match, known: map[procID]bool{}, foreign: readable()},
		killed:  map[procID]bool{},
		refused: map[procID]error{},
	}
	clean := 0
	for pause := firstPause; clean < cleanScans; pause = min(2*pause, lastPause) {
		left, err := k.round()
		switch {
		case err != nil:
			return len(k.killed), err
		case left == 0:
			clean++
			pause = firstPause
			continue
		}
		clean = 0
		if !sleep(ctx, pause) {
			return len(k.killed), fmt.Errorf("killing left-over processes: %d remain: %w", left, ctx.Err())
		}
	}
	return len(k.killed), k.err()
}

// readable returns a function that reports whether this process can read the environment
// of another user's process. The tasks of a dead instance may have run as any user.
func readable() func(uid uint32) bool {
	if os.Geteuid() == 0 || privilege.MissingCaps(unix.CAP_SETUID, unix.CAP_SETGID) != "" {
		return nil // root reads all of them without this, others read none
	}
	return func(uint32) bool { return true }
}

// killSweep is one call of KillMarked.
type killSweep struct {
	tree    Tree
	killed  map[procID]bool
	refused map[procID]error // processes that cannot be killed, with the reason
}

// round kills all processes that it finds, and returns the number of those that are not
// gone yet.
func (k *killSweep) round() (left int, err error) {
	members, err := k.tree.Find()
	if err != nil {
		return 0, err
	}
	for _, st := range members {
		id := idOf(st)
		if k.refused[id] != nil {
			continue
		}
		left++
		if k.killed[id] {
			continue // it is about to end
		}
		sent, err := id.signal(unix.SIGKILL)
		if err != nil {
			k.refused[id] = err
			left--
		} else if sent {
			k.killed[id] = true
		}
	}
	return left, nil
}

func (k *killSweep) err() error {
	var errs []error
	for _, err := range k.refused {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
