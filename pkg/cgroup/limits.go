package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// period is the interval in µs in which the kernel grants the CPU time of a cpu_quota;
// the same as systemd's.
const period = 100_000

// setting is one file of a group with the text that sets a limit.
type setting struct{ file, value string }

// settings lists all limits in the form of the kernel. A limit that is not set has the
// value for "no limit".
func settings(l config.Limits) []setting {
	quota := "max"
	if l.CPUQuota > 0 {
		quota = strconv.Itoa(l.CPUQuota * period / 100)
	}
	return []setting{
		{"memory.max", most(int64(l.MemoryMax))},
		{"memory.high", most(int64(l.MemoryHigh))},
		{"cpu.max", quota + " " + strconv.Itoa(period)},
		{"cpu.weight", weight(l.CPUWeight)},
		{"io.weight", weight(l.IOWeight)},
		{"pids.max", most(l.TasksMax)},
	}
}

func most(n int64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

func weight(n int) string {
	if n == 0 {
		n = 100
	}
	return strconv.Itoa(n)
}

// limit writes the limits that are set, or with reset all of them.
func limit(dir string, l config.Limits, reset bool) error {
	unset := settings(config.Limits{})
	for i, s := range settings(l) {
		if s == unset[i] && !reset {
			continue
		}
		err := s.write(dir)
		if s == unset[i] {
			err = ignoreGone(err) // no controller, no limit
		}
		if err != nil {
			return fmt.Errorf("setting %s to %s: %w", s.file, s.value, err)
		}
	}
	return nil
}

func (s setting) write(dir string) error {
	err := write(dir, s.file, s.value)
	if s.file != "io.weight" {
		return err
	}
	// The BFQ scheduler has a file of its own. Each disk uses one of the two files, and
	// either file may be missing.
	n, _ := strconv.Atoi(s.value)
	bfq := write(dir, "io.bfq.weight", strconv.Itoa(bfqWeight(n)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bfq
	case errors.Is(bfq, fs.ErrNotExist):
		return err
	}
	return errors.Join(err, bfq)
}

// bfqWeight maps a weight of 1 to 10000 to one of 1 to 1000, so that 100 is the
// middle of both, like systemd (BFQ_WEIGHT in its cgroup-util.h).
func bfqWeight(n int) int {
	if n <= 100 {
		return n
	}
	return 100 + (n-100)*(1000-100)/(10000-100)
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
