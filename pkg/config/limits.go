package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits bounds what one run of a task may take from the machine, or all runs of
// a type together. 0 is no limit, and for the weights what all others have.
type Limits struct {
	MemoryMax, MemoryHigh Bytes
	CPUQuota              int // per cent of one CPU
	CPUWeight, IOWeight   int // 1 to 10000; others have 100
	TasksMax              int64
}

// LimitKey is one limit of the configuration, for those who find out whether it
// can be enforced where Gordon runs.
type LimitKey struct {
	Controller string // of control groups: "memory", "cpu", "io" or "pids"
	Place      Origin // where the limit stands
}

// Bytes is an amount of memory.
type Bytes int64

// The units of Bytes, each 1024 times the one before, as systemd has them.
const byteUnits = "KMGT"

// String returns the amount as one would write it: 64M, or plain bytes.
func (b Bytes) String() string {
	n, unit := int64(b), ""
	for i := 0; i < len(byteUnits) && n != 0 && n%1024 == 0; i++ {
		n, unit = n/1024, byteUnits[i:i+1]
	}
	return strconv.FormatInt(n, 10) + unit
}

const (
	// maxShare is the kernel's.
	maxShare = 10000
	// maxTasks is PID_MAX_LIMIT, more than which Linux never has.
	maxTasks = 1 << 22
	// minMemory is less than any program starts with; it catches a missing unit.
	minMemory = 1 << 20
	// maxQuota is that of the 8192 CPUs that Linux can be built for.
	maxQuota = 8192 * 100
)

// infinity is how systemd writes a limit that is none.
const infinity = "infinity"

// size allows an amount of memory for a program.
func size(raw any) (Bytes, string) {
	n, wrong := amount(raw)
	if wrong == "" && raw != infinity && n < minMemory {
		wrong = fmt.Sprintf("must be 1M or more: no program runs with %d bytes", int64(n))
	}
	return n, wrong
}

// listSize allows an amount of memory for a list in Redis.
func listSize(raw any) (Bytes, string) {
	n, wrong := amount(raw)
	if wrong == "" && raw != infinity && n < minMemory {
		wrong = fmt.Sprintf("must be 1M or more, not %d bytes: one record may take a part of that", int64(n))
	}
	return n, wrong
}

// amount allows an amount of memory; 0 is for infinity.
func amount(raw any) (Bytes, string) {
	const form = `must be an amount of memory such as "512M" or "2G" (K, M, G and T, each 1024 times the one before), a whole number of bytes, or "infinity"`
	n, ok := raw.(int64)
	if s, isText := raw.(string); isText {
		if s == infinity {
			return 0, ""
		}
		if n, ok = parseBytes(s); !ok {
			return 0, form + ", not " + shown(s)
		}
	}
	if !ok {
		return 0, form + ", not " + describe(raw)
	}
	return Bytes(n), ""
}

// parseBytes reads digits with a unit behind them.
func parseBytes(s string) (n int64, ok bool) {
	factor := int64(1)
	if s != "" {
		if i := strings.IndexByte(byteUnits, s[len(s)-1]); i >= 0 {
			s, factor = s[:len(s)-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n * factor, err == nil && n >= 0 && n <= math.MaxInt64/factor
}

// percent allows a share of CPU time: "150%" is that of one CPU and a half.
func percent(raw any) (int64, string) {
	const form = `must be a whole percentage of one CPU such as "50%", or "200%" for two, or "infinity"`
	s, ok := raw.(string)
	if !ok {
		return 0, form + ", not " + describe(raw)
	}
	if s == infinity {
		return 0, ""
	}
	digits, ok := strings.CutSuffix(s, "%")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || n > maxQuota {
		return 0, form + ", not " + shown(s)
	}
	return n, ""
}

// count allows a number of processes and threads.
func count(raw any) (int64, string) {
	if raw == infinity {
		return 0, ""
	}
	n, wrong := within(1, maxTasks)(raw)
	if wrong != "" {
		wrong += `; "infinity" is no limit`
	}
	return n, wrong
}

// limitSettings is what the files say about the limits of a run, or of a type.
type limitSettings struct {
	memoryMax, memoryHigh                   value[Bytes]
	cpuQuota, cpuWeight, ioWeight, tasksMax value[int64]
}

func (s limitSettings) resolve() Limits {
	return Limits{
		MemoryMax: s.memoryMax.v, MemoryHigh: s.memoryHigh.v, CPUQuota: int(s.cpuQuota.v),
		CPUWeight: weight(s.cpuWeight), IOWeight: weight(s.ioWeight), TasksMax: s.tasksMax.v,
	}
}

// weight takes what all others have for no limit, so that nothing is needed to
// enforce it.
func weight(v value[int64]) int {
	if v.v == defaultShare {
		return 0
	}
	return int(v.v)
}

// keys lists the limits that are set.
func (s limitSettings) keys() []LimitKey {
	var list []LimitKey
	add := func(limited bool, controller string, at origin) {
		if limited {
			list = append(list, LimitKey{Controller: controller, Place: at.exported()})
		}
	}
	add(s.memoryMax.v != 0, "memory", s.memoryMax.at)
	add(s.memoryHigh.v != 0, "memory", s.memoryHigh.at)
	add(s.cpuQuota.v != 0, "cpu", s.cpuQuota.at)
	add(weight(s.cpuWeight) != 0, "cpu", s.cpuWeight.at)
	add(weight(s.ioWeight) != 0, "io", s.ioWeight.at)
	add(s.tasksMax.v != 0, "pids", s.tasksMax.at)
	return list
}

// validateLimits looks for limits that others make pointless, which are slips.
func (d *decoder) validateLimits(t *taskSettings) {
	for _, s := range []limitSettings{t.limits, t.total} {
		if high := s.memoryHigh; high.v >= s.memoryMax.v && both(high, s.memoryMax) {
			d.fault(high.at, "must be under memory_max (%v), which ends the task before memory_high slows it down", s.memoryMax.v)
		}
	}
	const pointless = "may not be over total.%s (%v): one run can't have more than all together"
	one, all := t.limits, t.total
	if both(one.memoryMax, all.memoryMax) && one.memoryMax.v > all.memoryMax.v {
		d.fault(one.memoryMax.at, pointless, "memory_max", all.memoryMax.v)
	}
	if both(one.cpuQuota, all.cpuQuota) && one.cpuQuota.v > all.cpuQuota.v {
		d.fault(one.cpuQuota.at, pointless, "cpu_quota", fmt.Sprintf("%d%%", all.cpuQuota.v))
	}
	if both(one.tasksMax, all.tasksMax) && one.tasksMax.v > all.tasksMax.v {
		d.fault(one.tasksMax.at, pointless, "tasks_max", all.tasksMax.v)
	}
}

// both reports whether two limits are there and can be compared.
func both[T Bytes | int64](a, b value[T]) bool { return a.good() && b.good() && a.v != 0 && b.v != 0 }
