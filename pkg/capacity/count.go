package capacity

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/pkg/host"
)

// pidsGroup is a control group with the controller pids. Its files are pids.max and
// pids.current.
type pidsGroup struct {
	dir          string
	max, current *os.File
	limit        int
	at           time.Time // of reading limit
}

// limitAge is the time for which the limit of a control group is not read again.
const limitAge = time.Second

// pidsDirs returns the folders of this process' control group and of the groups around
// it, as far as they are visible, for version 2 or 1 of control groups; cgroups(7).
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
		mount, ok := host.FindCgroupMount(string(mounts), controllers)
		if !ok {
			continue
		}
		inside, ok := mount.Inside(group)
		if !ok {
			continue
		}
		for ; ; inside = filepath.Dir(inside) {
			dirs = append(dirs, filepath.Join(mount.Dir, inside))
			if inside == "." {
				break
			}
		}
	}
	return dirs
}

// read returns the group's limit.
func (g *pidsGroup) read() int {
	if time.Since(g.at) > limitAge {
		g.limit, g.at = math.MaxInt, time.Now()
		if n, err := readNumber(g.max); err == nil { // the file holds "max" without a limit
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

// countTasks counts the threads of all visible processes of a user.
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
		// The files of this process there may belong to root; PR_SET_DUMPABLE(2const).
		var owner unix.Stat_t
		if pid != os.Getpid() && (unix.Stat("/proc/"+name, &owner) != nil || int(owner.Uid) != uid) {
			continue
		}
		if st, err := host.ReadStat(pid); err == nil {
			tasks += max(st.Threads, 1) // a zombie has no thread, and counts
		}
	}
	return tasks, nil
}
