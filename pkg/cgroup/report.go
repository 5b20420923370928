package cgroup

import (
	"bytes"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/usage"
)

// The event files of the memory controller. The local one does not include the events
// of the groups below.
const (
	memoryEvents      = "memory.events"
	memoryEventsLocal = "memory.events.local"
)

// Account replaces the figures in u with those that the group has counted for the run.
// A figure stays as it is if the controller is missing or the kernel is too old to count
// it. Account is for the time between the end of the run and Remove.
func (r *Run) Account(u *usage.Usage) usage.Pressure {
	p := usage.Pressure{OOM: r.oom()}
	if cpu := counters(r.dir, "cpu.stat"); cpu != nil {
		u.UserCPU, u.SystemCPU = µs(cpu["user_usec"]), µs(cpu["system_usec"])
		p.Throttled = µs(cpu["throttled_usec"])
	}
	if peak, ok := number(r.dir, "memory.peak"); ok { // Linux 5.19
		u.PeakMemory = peak
	}
	if io, err := files.Read(filepath.Join(r.dir, "io.stat"), maxText); err == nil {
		u.ReadBytes, u.WrittenBytes = ioBytes(io)
	}
	p.Refused = counters(r.dir, "pids.events")["max"]
	return p
}

func µs(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// ioBytes adds up the values of all disks in io.stat: "8:0 rbytes=1 wbytes=2 …".
func ioBytes(text []byte) (read, written int64) {
	for field := range bytes.FieldsSeq(text) {
		name, value, _ := bytes.Cut(field, []byte("="))
		n, err := strconv.ParseInt(string(value), 10, 64)
		switch {
		case err != nil:
		case string(name) == "rbytes":
			read += n
		case string(name) == "wbytes":
			written += n
		}
	}
	return read, written
}

// oom names the limit of memory that ended the run, "" if none did. The kernel counts
// the event "oom" in the group whose limit was reached, and "oom_kill" in the group of
// the victim.
func (r *Run) oom() string {
	events := counters(r.dir, memoryEvents)
	switch {
	case events["oom_kill"] == 0:
		return ""
	case events["oom"] > 0:
		return "exceeded memory_max = " + r.limits.MemoryMax.String()
	case counters(r.kind, memoryEventsLocal)["oom"] > r.oomBefore:
		return "all runs of the type together exceeded total.memory_max = " + r.total.MemoryMax.String()
	}
	return "the machine or a limit of the unit had no memory left"
}
