package cgroup

import (
	"bytes"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// The files of the memory controller that tell of its events. The local one
// leaves out what happened in the groups below.
const (
	memoryEvents      = "memory.events"
	memoryEventsLocal = "memory.events.local"
)

// Report is what a group has counted for a run. A number is -1 where the group
// could not count it, for want of the controller or in an old kernel.
type Report struct {
	// UserCPU and SystemCPU are the times of all processes of the run, of all
	// CPUs together.
	UserCPU, SystemCPU time.Duration
	// PeakMemory is the most that all processes of the run had together, in
	// bytes, with what the page cache and the kernel held for them (Linux 5.19).
	PeakMemory int64
	// ReadBytes and WrittenBytes went to and from disks.
	ReadBytes, WrittenBytes int64
	// Throttled is how long the run had to wait because of a cpu_quota.
	Throttled time.Duration
	// Refused is how often a process or thread could not be started because of
	// tasks_max.
	Refused int64
	// OOM says which memory there was too little of, where the kernel has killed
	// the run for that: "used up memory_max = 64M". It is "" where it has not.
	OOM string
}

// Report reads the counters. It is for after the run, before Remove.
func (r *Run) Report() Report {
	rep := Report{UserCPU: -1, SystemCPU: -1, PeakMemory: -1, ReadBytes: -1, WrittenBytes: -1, OOM: r.oom()}
	if cpu := counters(r.dir, "cpu.stat"); cpu != nil {
		rep.UserCPU, rep.SystemCPU = µs(cpu["user_usec"]), µs(cpu["system_usec"])
		rep.Throttled = µs(cpu["throttled_usec"])
	}
	if peak, ok := number(r.dir, "memory.peak"); ok {
		rep.PeakMemory = peak
	}
	if io, err := files.Read(filepath.Join(r.dir, "io.stat"), maxText); err == nil {
		rep.ReadBytes, rep.WrittenBytes = ioBytes(io)
	}
	rep.Refused = counters(r.dir, "pids.events")["max"]
	return rep
}

func µs(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// ioBytes adds up what io.stat has for each disk: "8:0 rbytes=1 wbytes=2 …".
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

// oom finds out whether memory was what ended the run, and whose limit it was.
// The event "oom" is counted where the limit is that was reached, "oom_kill"
// where the victim was.
func (r *Run) oom() string {
	events := counters(r.dir, memoryEvents)
	switch {
	case events["oom_kill"] == 0:
		return ""
	case events["oom"] > 0:
		return "used up memory_max = " + r.limits.MemoryMax.String()
	case counters(r.kind, memoryEventsLocal)["oom"] > r.oomBefore:
		return "all runs of the type together used up total.memory_max = " + r.total.MemoryMax.String()
	}
	return "the machine, or a limit around gordon, had no more to give"
}
