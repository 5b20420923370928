package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is that of a process, in KiB; see proc_pid_status(5) and
// proc_pid_smaps(5).
type memory struct {
	resident int64 // VmRSS, with the pages of the binary that are in use
	peak     int64 // VmHWM
	share    int64 // Pss: pages shared with others count in part
}

func memoryOf(pid int) (m memory, err error) {
	status, err := fields(pid, "status")
	if err != nil {
		return m, err
	}
	smaps, err := fields(pid, "smaps_rollup")
	if err != nil {
		return m, err
	}
	for _, f := range []struct {
		to   *int64
		from map[string]int64
		name string
	}{{&m.resident, status, "VmRSS"}, {&m.peak, status, "VmHWM"}, {&m.share, smaps, "Pss"}} {
		value, ok := f.from[f.name]
		if !ok {
			return m, fmt.Errorf("the kernel does not tell %s of process %d", f.name, pid)
		}
		*f.to = value
	}
	return m, nil
}

func fields(pid int, file string) (map[string]int64, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	return parseFields(string(content)), err
}

// parseFields reads lines such as "VmRSS:     123 kB"; others are left out.
func parseFields(content string) map[string]int64 {
	values := make(map[string]int64)
	for line := range strings.Lines(content) {
		name, rest, _ := strings.Cut(line, ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				values[name] = n
			}
		}
	}
	return values
}

// work is the usage of the threads of a process so far.
type work struct {
	cpu      time.Duration
	switches int64
}

// workOf adds up /proc/PID/task/*/schedstat and status: the former has
// nanoseconds (Documentation/scheduler/sched-stats.rst), where /proc/PID/stat
// counts in hundredths of a second.
func workOf(pid int) (sum work, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return sum, err
	}
	if len(threads) == 0 {
		return sum, fmt.Errorf("there is no process %d", pid)
	}
	for _, thread := range threads {
		w, err := workOfThread(thread)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it ended meanwhile
			return sum, err
		}
		sum.cpu += w.cpu
		sum.switches += w.switches
	}
	return sum, nil
}

func workOfThread(dir string) (w work, err error) {
	schedstat, err := os.ReadFile(filepath.Join(dir, "schedstat"))
	if err != nil {
		return w, err
	}
	ns, _, _ := strings.Cut(string(schedstat), " ")
	cpu, err := strconv.ParseInt(ns, 10, 64)
	if err != nil {
		return w, fmt.Errorf("read %s/schedstat: %w", dir, err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return w, err
	}
	values := parseFields(string(status))
	return work{cpu: time.Duration(cpu), switches: values["voluntary_ctxt_switches"] + values["nonvoluntary_ctxt_switches"]}, nil
}

// commandCalls reads the answer to INFO commandstats: lines such as
// "cmdstat_blmove:calls=3,usec=12,…".
func commandCalls(info string) map[string]int64 {
	calls := make(map[string]int64)
	for line := range strings.Lines(info) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		number, _, _ := strings.Cut(rest, ",")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			calls[name] = n
		}
	}
	return calls
}
