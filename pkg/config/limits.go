package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits are the resource limits of one run of a task, or of all runs of a type
// together. 0 is no limit; a weight of 0 is the default.
type Limits struct {
	MemoryMax, MemoryHigh Bytes
	CPUQuota              int // percent of one CPU
	CPUWeight, IOWeight   int // 1 to 10000; the default is 100
	TasksMax              int64
}

// Bytes is an amount of memory.
type Bytes int64

// The units of Bytes, each 1024 times the one before, as in systemd.
const byteUnits = "KMGT"

// String returns the amount with the largest unit that divides it: 64M, or plain bytes.
func (b Bytes) String() string {
	n, unit := int64(b), ""
	for i := 0; i < len(byteUnits) && n != 0 && n%1024 == 0; i++ {
		n, unit = n/1024, byteUnits[i:i+1]
	}
	return strconv.FormatInt(n, 10) + unit
}

const (
	maxShare     = 10000      // the kernel's maximum of weights
	defaultShare = 100        // the kernel's default
	maxTasks     = 1 << 22    // PID_MAX_LIMIT, the maximum of Linux
	minMemory    = 1 << 20    // too little for any program; a smaller number lacks its unit
	maxQuota     = 8192 * 100 // of the 8192 CPUs for which Linux can be built
)

// infinity means no limit, as in systemd.
const infinity = "infinity"

// size allows an amount of memory for a program.
func size(raw any) (Bytes, error) {
	n, err := amount(raw)
	if err == nil && raw != infinity && n < minMemory {
		err = fmt.Errorf("must be at least 1M: no program can run with %d bytes", int64(n))
	}
	return n, err
}

// listSize allows an amount of memory for a list in Redis.
func listSize(raw any) (Bytes, error) {
	n, err := amount(raw)
	if err == nil && raw != infinity && n < minMemory {
		err = fmt.Errorf("must be at least 1M, not %d bytes: a single record can be that large", int64(n))
	}
	return n, err
}

// sizeWithin allows a size from lowest to highest.
func sizeWithin(lowest, highest Bytes) kind[Bytes] {
	form := fmt.Sprintf("must be a size from %q to %q, or a whole number of bytes", lowest, highest)
	return func(raw any) (Bytes, error) {
		n, err := amount(raw)
		s, isText := raw.(string)
		switch {
		case err == nil && n >= lowest && n <= highest:
			return n, nil
		case isText:
			return 0, wrongValue(form, s)
		case err == nil:
			return 0, fmt.Errorf("%s, not %d", form, int64(n))
		}
		return 0, wrongType(form, raw)
	}
}

// amount allows an amount of memory; infinity is 0.
func amount(raw any) (Bytes, error) {
	const form = `must be an amount of memory such as "512M" or "2G" (K, M, G and T, each 1024 times the one before), a whole number of bytes, or "infinity"`
	n, ok := raw.(int64)
	if s, isText := raw.(string); isText {
		if s == infinity {
			return 0, nil
		}
		if n, ok = parseBytes(s); !ok {
			return 0, wrongValue(form, s)
		}
	}
	if !ok {
		return 0, wrongType(form, raw)
	}
	return Bytes(n), nil
}

// parseBytes parses digits with an optional unit.
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

// percent allows a share of CPU time: "150%" is one and a half CPUs.
func percent(raw any) (int, error) {
	const form = `must be a whole percentage of one CPU such as "50%", or "200%" for two, or "infinity"`
	s, ok := raw.(string)
	if !ok {
		return 0, wrongType(form, raw)
	}
	if s == infinity {
		return 0, nil
	}
	digits, ok := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > maxQuota {
		return 0, wrongValue(form, s)
	}
	return n, nil
}

// share allows a weight. The default of the kernel is no limit: nothing is needed to
// enforce it.
func share(raw any) (int, error) {
	n, err := within(1, maxShare)(raw)
	if n == defaultShare {
		n = 0
	}
	return n, err
}

// count allows a number of processes and threads.
func count(raw any) (int64, error) {
	if raw == infinity {
		return 0, nil
	}
	n, err := within[int64](1, maxTasks)(raw)
	if err != nil {
		err = fmt.Errorf(`%w; use "infinity" for no limit`, err)
	}
	return n, err
}

// validateLimits compares limits: it rejects those that have no effect because of
// another one.
func (d *decoder) validateLimits(t *draft) {
	d.validateHigh(t.scope, "", t.Limits)
	d.validateHigh(t.scope, "total.", t.Total)
	run, total := t.Limits, t.Total
	d.validateTotal(t.scope, "memory_max", run.MemoryMax > total.MemoryMax && total.MemoryMax != 0, total.MemoryMax)
	d.validateTotal(t.scope, "cpu_quota", run.CPUQuota > total.CPUQuota && total.CPUQuota != 0, fmt.Sprintf("%d%%", total.CPUQuota))
	d.validateTotal(t.scope, "tasks_max", run.TasksMax > total.TasksMax && total.TasksMax != 0, total.TasksMax)
}

func (d *decoder) validateHigh(s *scope, prefix string, l Limits) {
	high, highest := prefix+"memory_high", prefix+"memory_max"
	if s.valid(high, highest) && l.MemoryHigh >= l.MemoryMax && l.MemoryMax != 0 {
		d.fault(s.at(high), "must be lower than memory_max (%v); otherwise the task is killed before it is slowed down", l.MemoryMax)
	}
}

// validateTotal reports a limit of a run that exceeds that of all runs.
func (d *decoder) validateTotal(s *scope, name string, exceeds bool, total any) {
	if exceeds && s.valid(name, "total."+name) {
		d.fault(s.at(name), "must not exceed total.%s (%v): one run cannot use more than all runs together", name, total)
	}
}
