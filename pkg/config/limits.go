package config

import (
	"strconv"
)

// Limits bounds what one run of a task may take from the machine, or all runs of
// a type together. 0 is no limit, and for the weights what all others have.
type Limits struct {
	MemoryMax, MemoryHigh Bytes
	CPUQuota              int // per cent of one CPU
	CPUWeight, IOWeight   int // 1 to 10000; others have 100
	TasksMax              int64
}

// Bytes is an amount of memory.
type Bytes int64

// String returns the amount as one would write it: 64M, or plain bytes.
func (b Bytes) String() string {
	n, unit := int64(b), ""
	for _, next := range []string{"K", "M", "G", "T"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, next
	}
	return strconv.FormatInt(n, 10) + unit
}
