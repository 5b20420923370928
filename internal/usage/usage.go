// Package usage has the data type for the resources that a run used. The runner and
// the control group fill it, and the log, the statistics and the failed record read
// it. The package must not know how any of them works.
package usage

import "time"

// Usage is the amount of CPU time, memory and disk traffic of a run.
//
// Without a control group it comes from wait4(2). Then it counts the leader and those
// descendants that were waited for, by the leader or by a process that was itself
// waited for. With a control group it counts all processes of the run, as far as the
// kernel has a counter.
type Usage struct {
	UserCPU, SystemCPU time.Duration
	// PeakMemory is in bytes; 0 means that it is unknown. With a control group it is
	// the peak of all processes together, page cache included. Without one it is the
	// peak resident memory of the largest process.
	PeakMemory int64
	// ReadBytes and WrittenBytes count the traffic with disks. Reads from the page
	// cache, pipes, sockets and file systems in memory are not included.
	ReadBytes, WrittenBytes int64
}

// CPU is the time of all CPUs together.
func (u Usage) CPU() time.Duration { return u.UserCPU + u.SystemCPU }

// Pressure is the effect that the limits of its control group had on a run.
type Pressure struct {
	// OOM names the memory that ran out if the kernel killed the run for that, such
	// as "exceeded memory_max = 64M". It is "" otherwise.
	OOM string
	// Throttled is the time that the run waited because of cpu_quota.
	Throttled time.Duration
	// Refused counts the processes and threads that tasks_max did not allow.
	Refused int64
}
