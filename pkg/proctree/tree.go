package proctree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
)

// Group keeps processes together in the kernel, so that none leaves it by a fork. A
// control group is one.
type Group interface {
	// PIDs lists the processes in it that have not ended.
	PIDs() ([]int, error)
	// Kill sends SIGKILL to all of them at once. A process that forks meanwhile does
	// not escape.
	Kill() error
}

// Task describes a task whose processes belong together.
type Task struct {
	// Leader is the pid of the first process, and the id of its process group. The
	// caller must not reap the leader while it uses the tree.
	Leader int
	// Marker is the value of GORDON_TASK_ID. If it is empty, only the process group,
	// the Group and their descendants are known.
	Marker string
	// User is the user of the task; nil is the daemon's own.
	User *privilege.Identity
	// Group keeps the processes together; nil if there is none.
	Group Group
	// Reserve limits how many searches run at the same time.
	Reserve *capacity.Reserve
}

// cleanScans is the number of searches in a row that must find nothing before a tree
// counts as gone. One is not enough: a process can fork into a pid that the
// search has passed already, and end before the search comes to its own.
const cleanScans = 2

// Tree finds the processes that belong together, again and again until there are none. It
// remembers each process that it has found, because the tie to the others can
// go away: a parent dies, a process that exits loses its environment before it is gone.
type Tree struct {
	// group is the process group to include; 0 is none.
	group int
	// marked reports whether a value of GORDON_TASK_ID belongs to the tree.
	marked func(marker string) bool
	// owner is the user whose processes a marker ties to the tree; nil is any user. If
	// other users' processes counted, a stop would wait for one that it cannot kill.
	owner *privilege.Identity
	// contained is the Group of the task; nil if there is none.
	contained Group
	// descend includes the descendants of the processes that were found.
	descend bool
	// foreign reports whether to read the environment of a process of this other user
	// with that user's rights; nil is for no user. See markerAs.
	foreign func(uid uint32) bool

	reserve *capacity.Reserve

	known map[procID]bool
}

// New returns the tree of a task.
func New(task Task) *Tree {
	t := &Tree{
		group:     task.Leader,
		contained: task.Group,
		marked:    func(marker string) bool { return marker != "" && marker == task.Marker },
		owner:     task.User,
		descend:   true,
		known:     map[procID]bool{},
		reserve:   task.Reserve,
	}
	if u := task.User; u != nil && os.Geteuid() != 0 {
		t.foreign = func(uid uint32) bool { return uid == u.UID }
	}
	return t
}

// Find returns the members that have not ended.
func (t *Tree) Find() (found []host.Stat, err error) {
	t.reserve.Enter()
	defer t.reserve.Leave()
	if t.foreign == nil {
		return t.search()
	}
	// markerAs changes the thread, and back.
	privilege.OnThread(func() (clean bool) {
		found, err = t.search()
		return privilege.HasOwnFSIDs()
	})
	return found, err
}

func (t *Tree) search() ([]host.Stat, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	members, err := t.inGroup()
	if err != nil {
		return nil, err
	}
	for _, st := range all {
		included := t.known[idOf(st)]
		if !included {
			if included, err = t.includes(st); err != nil {
				return nil, err
			}
		}
		if included {
			members[st.PID] = true
		}
	}
	for grown := t.descend; grown; {
		grown = false
		for _, st := range all {
			if members[st.PPID] && !members[st.PID] {
				members[st.PID], grown = true, true
			}
		}
	}
	var found []host.Stat
	for _, st := range all {
		if members[st.PID] {
			t.known[idOf(st)] = true
			found = append(found, st)
		}
	}
	return found, nil
}

// inGroup returns the members of the Group. It fails only for lack of descriptors or
// memory: after any other error, the search finds the other members all the same.
func (t *Tree) inGroup() (map[int]bool, error) {
	members := make(map[int]bool)
	if t.contained == nil {
		return members, nil
	}
	pids, err := t.contained.PIDs()
	if capacity.Exhausted(err) {
		return nil, fmt.Errorf("listing the processes of a group: %w", err)
	}
	for _, pid := range pids {
		members[pid] = true
	}
	return members, nil
}

// includes reports whether a process belongs to the tree by itself. After an error that is
// not known.
func (t *Tree) includes(st host.Stat) (bool, error) {
	if t.group != 0 && st.PGID == t.group {
		return true, nil
	}
	marker, ok, err := markerOf(st.PID)
	if errors.Is(err, fs.ErrPermission) && t.foreign != nil {
		marker, ok, err = markerAs(st.PID, t.foreign)
	}
	if capacity.Exhausted(err) {
		return false, fmt.Errorf("reading the environment of process %d: %w", st.PID, err)
	}
	if err != nil || !ok || !t.marked(marker) {
		return false, nil //nolint:nilerr // nothing ties it to the tree
	}
	if t.owner == nil {
		return true, nil
	}
	is, err := runsAs(st.PID, t.owner.UID)
	if capacity.Exhausted(err) {
		return false, fmt.Errorf("reading the user of process %d: %w", st.PID, err)
	}
	return is, nil
}

// Signal sends the signals to the tree and returns the number of members. It finds all
// members first: a signal may end a parent, and with it the only tie to one of its
// children.
func (t *Tree) Signal(sigs ...unix.Signal) (found int, err error) {
	members, err := t.Find()
	return len(members), errors.Join(err, t.Send(members, sigs...))
}

// Send sends the signals, in order, to the process group and to every other one of the
// members. The group gets its signals at once, so that none of its members can fork past
// them; kill(2).
func (t *Tree) Send(members []host.Stat, sigs ...unix.Signal) error {
	var errs []error
	if t.contained != nil && slices.Contains(sigs, unix.SIGKILL) {
		errs = append(errs, t.contained.Kill())
	}
	for _, sig := range sigs {
		if t.group == 0 {
			break
		}
		if err := unix.Kill(-t.group, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("sending %s to process group %d: %w", unix.SignalName(sig), t.group, err))
		}
	}
	for _, st := range members {
		if t.group != 0 && st.PGID == t.group {
			continue
		}
		for _, sig := range sigs {
			_, err := idOf(st).signal(sig)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Gone reports whether the whole tree has exited. A tree that cannot be searched because
// there is no /proc counts as gone, because nothing can be done. A tree
// that cannot be searched now, for lack of descriptors or memory, does not.
func (t *Tree) Gone() bool {
	if members, err := t.inGroup(); len(members) > 0 || err != nil {
		return false // even if /proc does not show them: hidepid=, proc(5)
	}
	for range cleanScans {
		if members, err := t.Find(); len(members) > 0 || capacity.Exhausted(err) {
			return false
		}
	}
	return true
}
