package gordontest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on
// every architecture that Go runs on (sysconf(3), _SC_CLK_TCK).
const clockTick = time.Second / 100

// CPU is the processor time that gordon itself has used, without its children
// (proc(5), fields 14 and 15 of stat).
func (d *Daemon) CPU() time.Duration {
	d.t.Helper()
	fields := d.stat()
	return time.Duration(number(d.t, fields[11])+number(d.t, fields[12])) * clockTick
}

// RSS is the resident memory of gordon in bytes (proc(5), field 24 of stat).
func (d *Daemon) RSS() int64 {
	d.t.Helper()
	return number(d.t, d.stat()[21]) * int64(os.Getpagesize())
}

// stat returns the fields of /proc/PID/stat from the third on.
func (d *Daemon) stat() []string {
	d.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	// The second is the name in brackets, which may hold anything.
	_, rest, _ := strings.Cut(string(raw), ") ")
	return strings.Fields(rest)
}

// FDs is the number of descriptors that gordon has open.
func (d *Daemon) FDs() int {
	d.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(entries)
}

// Children are the states of gordon's child processes by pid: "Z" is one that has
// ended and was not waited for (proc(5), fields 3 and 4 of stat).
func (d *Daemon) Children() map[int]string {
	d.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		d.t.Fatal(err)
	}
	children := make(map[int]string)
	parent := strconv.Itoa(d.cmd.Process.Pid)
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // ended since
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == parent {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			children[pid] = fields[0]
		}
	}
	return children
}

func number(t testing.TB, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Threads are the ids of gordon's threads.
func (d *Daemon) Threads() (ids []int) {
	d.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		ids = append(ids, int(number(d.t, e.Name())))
	}
	return ids
}
