package capacity

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Room measures how many more processes and threads this process may start: by the
// limit of its user (RLIMIT_NPROC, "ulimit -u"), and by the limits of its control group
// and the groups around it (pids.max; TasksMax= of a systemd unit). The kernel counts
// threads like processes.
//
// The real number may be lower. Room does not read all limits (kernel.threads-max), it
// does not see the user's processes in other containers, and other programs may start
// processes at any time.
type Room struct {
	uid   int
	limit int // RLIMIT_NPROC; math.MaxInt if it does not bind
	pids  []*pidsGroup

	mu      sync.Mutex
	counted int // tasks of the user
	at      time.Time
	took    int // tasks started since then
}

// NewRoom finds the limits that bind this process from now on. A limit that cannot be
// read is ignored. The caller must call Close.
func NewRoom() *Room {
	r := &Room{uid: os.Getuid(), limit: userLimit()}
	for _, dir := range pidsDirs() {
		g := &pidsGroup{dir: dir}
		var err error
		if g.max, err = os.Open(filepath.Join(dir, "pids.max")); err != nil {
			continue
		}
		if g.current, err = os.Open(filepath.Join(dir, "pids.current")); err != nil {
			_ = g.max.Close()
			continue
		}
		r.pids = append(r.pids, g)
	}
	return r
}

// Close closes the files of the control groups. Room ignores the groups afterwards.
func (r *Room) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.pids {
		_, _ = g.max.Close(), g.current.Close() // read only
	}
	r.pids = nil
}

// userLimit returns RLIMIT_NPROC. It does not bind root, nor a process with one of two
// capabilities (copy_process in kernel/fork.c).
func userLimit() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &l) != nil || l.Cur > math.MaxInt32 || os.Getuid() == 0 {
		return math.MaxInt
	}
	var caps [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	const exempt = 1<<unix.CAP_SYS_RESOURCE | 1<<unix.CAP_SYS_ADMIN
	if unix.Capget(&header, &caps[0]) == nil && caps[0].Effective&exempt != 0 {
		return math.MaxInt
	}
	return int(l.Cur)
}

// Limit returns the smallest limit, math.MaxInt if there is none.
func (r *Room) Limit() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.limit
	for _, g := range r.pids {
		limit = min(limit, g.read())
	}
	return limit
}

// Free returns the number of processes and threads for which there is room, and names
// the limit that decides. Without a limit the number is math.MaxInt. Free counts the
// user's tasks in /proc, which is slow. Therefore it counts less often the more room
// there is. With fresh it counts now if there is little room.
func (r *Room) Free(fresh bool) (n int, by string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = math.MaxInt
	for _, g := range r.pids {
		limit := g.read()
		if limit == math.MaxInt {
			continue
		}
		if current, err := readNumber(g.current); err == nil && limit-current < n {
			n, by = limit-current, fmt.Sprintf("the control group %s has %d of %d tasks (TasksMax= of its unit)", g.dir, current, limit)
		}
	}
	if r.limit == math.MaxInt {
		return n, by
	}
	if age, free := time.Since(r.at), r.limit-r.counted-r.took; age > countAge(free) || fresh && free < plenty {
		if counted, err := countTasks(r.uid); err == nil {
			r.counted, r.at, r.took = counted, time.Now(), 0
		}
	}
	if free := r.limit - r.counted - r.took; free < n {
		n, by = free, fmt.Sprintf("the user has %d of %d tasks (ulimit -u)", r.limit-free, r.limit)
	}
	return n, by
}

// Took notes that n processes or threads are about to be started.
func (r *Room) Took(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took += n
}

// plenty is more room than other programs use up in a moment.
const plenty = 500

// countAge returns the highest age of a count that Free still uses.
func countAge(free int) time.Duration {
	switch {
	case free > 10*plenty:
		return 30 * time.Second
	case free > plenty:
		return time.Second
	}
	return 50 * time.Millisecond
}
