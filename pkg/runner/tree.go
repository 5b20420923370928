package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// cleanScans is how many searches in a row must find nothing before a tree
// counts as gone. One is not enough: a process can fork into a pid that the
// search has passed already, and end before the search comes to its own.
const cleanScans = 2

// tree finds the processes that belong together, again and again until none is
// left. It remembers each one that it has found, because what tied it to the
// others can go away: a parent dies, a process that exits loses its environment
// before it is gone.
type tree struct {
	// group is the process group to include; 0 is none. Whoever uses the tree
	// must have a hold on the group's leader.
	group int
	// marked says which values of GORDON_TASK_ID to include.
	marked func(marker string) bool
	// owner is the user whose processes a marker ties to the tree; nil is for any.
	// Whoever else sets the marker would have what cannot be killed waited for.
	owner *Identity
	// contained is where the kernel keeps the task's processes together; nil
	// where it does not.
	contained Group
	// descend says whether to include whatever descends from what was found.
	descend bool
	// foreign says whether to read the environment of a process of this other
	// user with his rights; nil is for none. See markerOfForeign.
	foreign func(uid uint32) bool

	// reserve bounds how many searches there are at the same time.
	reserve *Reserve

	known map[procID]bool
}

// tree returns the task's own.
func (p *Process) tree() *tree {
	t := &tree{
		group:     p.pid,
		contained: p.spec.Group,
		marked:    func(marker string) bool { return marker != "" && marker == p.spec.Marker },
		owner:     p.spec.User,
		descend:   true,
		known:     map[procID]bool{},
		reserve:   p.spec.Reserve,
	}
	if u := p.spec.User; u != nil && os.Geteuid() != 0 {
		t.foreign = func(uid uint32) bool { return uid == u.UID }
	}
	return t
}

// find returns the members that have not ended.
func (t *tree) find() (found []host.Stat, err error) {
	t.reserve.enter()
	defer t.reserve.leave()
	if t.foreign == nil {
		return t.search()
	}
	// markerOfForeign changes the thread, and back.
	onThread(func() (clean bool) {
		found, err = t.search()
		return isFileIDs(uint32(os.Geteuid()), uint32(os.Getegid()))
	})
	return found, err
}

func (t *tree) search() ([]host.Stat, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	members, err := t.inside()
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

// includes tells whether a process belongs to the tree by itself. The error is one
// after which that is not known.
func (t *tree) includes(st host.Stat) (bool, error) {
	if t.group != 0 && st.PGID == t.group {
		return true, nil
	}
	marker, ok, err := markerOf(st.PID)
	if errors.Is(err, fs.ErrPermission) && t.foreign != nil {
		marker, ok, err = t.markerOfForeign(st.PID)
	}
	if Transient(err) {
		return false, fmt.Errorf("reading the environment of process %d: %w", st.PID, err)
	}
	if err != nil || !ok || !t.marked(marker) {
		return false, nil //nolint:nilerr // it is not known to belong to the tree
	}
	if t.owner == nil {
		return true, nil
	}
	is, err := runsAs(st.PID, t.owner.UID)
	if Transient(err) {
		return false, fmt.Errorf("reading the user of process %d: %w", st.PID, err)
	}
	return is, nil
}

// markerOfForeign is markerOf with the rights of the process' owner, on a thread
// that is locked. Root's processes are left out: to read those takes root's
// capabilities, too.
func (t *tree) markerOfForeign(pid int) (marker string, found bool, err error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid), &st); err != nil || st.Uid == 0 || !t.foreign(st.Uid) {
		return "", false, err
	}
	owner := Identity{UID: st.Uid, GID: st.Gid}
	err = owner.files(func() (err error) {
		marker, found, err = markerOf(pid)
		return err
	})
	return marker, found, err
}

// signal sends the signals to the tree and returns how many members there were.
// They are looked for first: a signal may end a parent, and with it the only tie
// to one of its children.
func (t *tree) signal(sigs ...unix.Signal) (found int, err error) {
	members, err := t.find()
	return len(members), errors.Join(err, t.send(members, sigs...))
}

// send sends the signals, in order, to the group and to every other one of the
// members that were found. The group gets its signals at once, so that none of its
// members can fork past them; kill(2).
func (t *tree) send(members []host.Stat, sigs ...unix.Signal) error {
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

// gone reports whether no member is left. A tree that can't be searched because
// there is no /proc is taken for gone: there is nothing that could be done. One
// that can't be searched now, for want of descriptors or memory, is not.
func (t *tree) gone() bool {
	if members, err := t.inside(); len(members) > 0 || err != nil {
		return false // though /proc may not show them: hidepid=, proc(5)
	}
	for range cleanScans {
		if members, err := t.find(); len(members) > 0 || Transient(err) {
			return false
		}
	}
	return true
}
