package proctree

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/host"
)

// Rest finds out whether all processes of a tree sleep at the same moment. The zero value
// with a Tree is ready to use.
//
// It separates the output of a task whose leader has ended from the output of processes
// that the task left behind. A fixed time would be a race: the rest of a
// pipeline needs longer on a busy machine, and a child that prints once a second is
// sometimes in time. A process that ends along with the leader never rests: the reader of
// a pipe has been woken before the leader counts as ended. A process that was left behind
// soon waits for the time, the network or a file.
type Rest struct {
	Tree *Tree

	last string
	seen bool // last is from a look that found all asleep
}

// Reached looks once. It reports whether all members slept in this look and in the
// one before, and none has run in between. Then there was a moment at which all slept:
// after the first look had reached its last member, and before the second one looked at
// its first. Reached is false while the processes cannot be listed.
func (r *Rest) Reached() bool {
	members, err := r.Tree.Find()
	if err != nil {
		r.seen = false
		return false
	}
	var all strings.Builder
	asleep := true
	for _, st := range members {
		asleep = sleeps(st.PID, &all) && asleep
	}
	same := r.seen && all.String() == r.last
	r.last, r.seen = all.String(), asleep
	return asleep && same
}

// sleeps reports whether all threads of a process sleep or are stopped. It appends the
// threads to ran, and how often each has run (proc_pid_schedstat, in
// Documentation/scheduler/sched-stats.rst of the kernel). It ignores a process that has
// ended since. A process that cannot be read does not sleep.
func sleeps(pid int, ran *strings.Builder) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(dir)
	asleep := err == nil || errors.Is(err, fs.ErrNotExist)
	for _, thread := range threads {
		stat, err := os.ReadFile(dir + thread.Name() + "/stat")
		if err != nil {
			asleep = asleep && !capacity.Exhausted(err)
			continue
		}
		st, err := host.ParseStat(stat)
		if err != nil || !strings.ContainsRune("STtZX", rune(st.State)) {
			asleep = false
		}
		times, _ := os.ReadFile(dir + thread.Name() + "/schedstat") // not in every kernel
		ran.WriteString(thread.Name() + ":" + string(times))
	}
	return asleep
}
