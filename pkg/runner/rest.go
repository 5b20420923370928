package runner

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/host"
)

// restPatience is how long Wait looks, after the leader's end, whether what is left
// of the task comes to rest.
const restPatience = 2 * time.Second

// rest finds out whether all that is left of a task sleeps at the same moment.
//
// It draws the line between the output that belongs to a task whose leader has ended
// and the output of what was left behind. A time alone would be a race: the rest of a
// pipeline needs longer on a busy machine, and a child that prints once a second is
// sometimes in time. What ends along with the leader never rests: a process that
// reads the end of a pipe has been woken before the leader counts as ended. What was
// left behind waits for the time, the network or a file before long.
type rest struct {
	tree *tree
	last string
	seen bool // last is of a look that found everybody asleep
}

// reached looks once. It reports whether all members slept in this look and in the
// one before, and none has run in between: then there was a moment, after the last
// one was looked at the first time and before the first one was the second time, at
// which all slept. It can't be known while the processes can't be listed.
func (r *rest) reached() bool {
	members, err := r.tree.find()
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

// sleeps reports whether all threads of a process sleep or are stopped, and writes
// down which there are and how often each has run (proc_pid_schedstat, in
// Documentation/scheduler/sched-stats.rst of the kernel). One that has ended since
// does not count; one that can't be looked at does not sleep.
func sleeps(pid int, ran *strings.Builder) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(dir)
	asleep := err == nil || errors.Is(err, fs.ErrNotExist)
	for _, thread := range threads {
		stat, err := os.ReadFile(dir + thread.Name() + "/stat")
		if err != nil {
			asleep = asleep && !Transient(err)
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
