package host

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// Room is how many more processes and threads this process may start: by the limit of
// its user (RLIMIT_NPROC, "ulimit -u"), and by those of its control group and the
// groups around it (pids.max; TasksMax= of a systemd unit). The kernel counts threads
// as it does processes.
//
// It may be less than Room reports: there are limits that are not looked at
// (kernel.threads-max), the user's processes in other containers are not seen, and
// others may start something at any time.
type Room struct {
	uid   int
	limit int // RLIMIT_NPROC; math.MaxInt where it does not bind
	pids  []*pidsGroup

	mu      sync.Mutex
	counted int // tasks of the user
	at      time.Time
	took    int // since then
}

// pidsGroup is a control group with the controller pids. The descriptors are of
// pids.max and pids.current.
type pidsGroup struct {
	dir          string
	max, current *os.File
	limit        int
	at           time.Time // when limit was read
}

// limitAge is how long the limit of a control group is taken for unchanged.
const limitAge = time.Second

// NewRoom finds the limits that bind this process from now on. Close must be called
// on it. Where a limit can't be read, there is none.
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

// Close closes what is open. From then on, no control group is looked at.
func (r *Room) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.pids {
		_, _ = g.max.Close(), g.current.Close() // read only
	}
	r.pids = nil
}

// userLimit returns RLIMIT_NPROC, which does not bind root and who has one of two
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

// pidsDirs returns the folders of this process' control group and of those around
// it, as far as they are visible, with version 2 or 1 of control groups; cgroups(7).
func pidsDirs() (dirs []string) {
	const maxText = 1 << 20
	own, err := files.Read("/proc/self/cgroup", maxText)
	if err != nil {
		return nil
	}
	mounts, err := files.Read("/proc/self/mountinfo", maxText)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(own)) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		if controllers != "" && controllers != "pids" {
			continue
		}
		root, mount := pidsMount(string(mounts), controllers)
		inside, err := filepath.Rel(root, group)
		if mount == "" || err != nil || strings.HasPrefix(inside, "..") {
			continue
		}
		for ; ; inside = filepath.Dir(inside) {
			dirs = append(dirs, filepath.Join(mount, inside))
			if inside == "." {
				break
			}
		}
	}
	return dirs
}

// pidsMount returns where the hierarchy of version 2, or of the controller in version
// 1, is mounted, and which of its groups is the root there; proc_pid_mountinfo(5).
func pidsMount(mountinfo, controller string) (root, mount string) {
	for line := range strings.Lines(mountinfo) {
		left, right, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, super := strings.Fields(left), strings.Fields(right)
		if len(fields) < 5 || len(super) < 3 {
			continue
		}
		v2 := controller == "" && super[0] == "cgroup2"
		v1 := controller != "" && super[0] == "cgroup" && strings.Contains(","+super[2]+",", ","+controller+",")
		if v1 || v2 {
			return fields[3], fields[4]
		}
	}
	return "", ""
}

// Limit returns the smallest limit, math.MaxInt where there is none.
func (r *Room) Limit() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.limit
	for _, g := range r.pids {
		limit = min(limit, g.read())
	}
	return limit
}

// Free returns for how many processes and threads there is room, math.MaxInt where
// nothing is limited, and which limit that is. The user's tasks are counted in /proc,
// which takes a while: less often the more room there is, and now if fresh is true
// and there is little.
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
			n, by = limit-current, fmt.Sprintf("%d of %d tasks are in the control group %s (TasksMax= of its unit)", current, limit, g.dir)
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

// Took says that n processes or threads are about to be started.
func (r *Room) Took(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took += n
}

// plenty is so much room that nobody takes it in a moment.
const plenty = 500

// countAge is how old a count may be.
func countAge(free int) time.Duration {
	switch {
	case free > 10*plenty:
		return 30 * time.Second
	case free > plenty:
		return time.Second
	}
	return 50 * time.Millisecond
}

// read returns the group's limit.
func (g *pidsGroup) read() int {
	if time.Since(g.at) > limitAge {
		g.limit, g.at = math.MaxInt, time.Now()
		if n, err := readNumber(g.max); err == nil { // else it says "max"
			g.limit = n
		}
	}
	return g.limit
}

// readNumber reads a file that holds a number, from its beginning.
func readNumber(f *os.File) (int, error) {
	var text [32]byte
	n, err := f.ReadAt(text[:], 0)
	if n == 0 {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text[:n])))
}

// countTasks counts the threads of all processes of a user that are visible.
func countTasks(uid int) (tasks int, err error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0, fmt.Errorf("counting processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("counting processes: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// Our own files there may belong to root; PR_SET_DUMPABLE(2const).
		var owner unix.Stat_t
		if pid != os.Getpid() && (unix.Stat("/proc/"+name, &owner) != nil || int(owner.Uid) != uid) {
			continue
		}
		if st, err := ReadStat(pid); err == nil {
			tasks += max(st.Threads, 1) // a zombie has none left, and counts
		}
	}
	return tasks, nil
}
