package runner

import (
	"syscall"
	"time"
)

// Usage is what a run took from the machine. Without a Group it is what wait4(2)
// tells: of the leader and of those descendants that were waited for, by the
// leader or by one who was waited for. With one it is of all processes of the
// task, as far as the kernel counts it there.
type Usage struct {
	UserCPU, SystemCPU time.Duration
	// PeakMemory is in bytes: with a Group of all processes together, page cache
	// included; without one the peak resident memory of the process that had the
	// most, and 0 means that it is not known. There the kernel counts what was
	// resident at the moment of execve(2) as well (exec_mmap in
	// fs/exec.c), and at that moment the child still shares Gordon's memory: so
	// all that can be said of a run that used less is that it used less.
	PeakMemory int64
	// ReadBytes and WrittenBytes went through to a disk, or will: what came out
	// of the page cache is not counted, nor are pipes, sockets and file systems
	// in memory.
	ReadBytes, WrittenBytes int64
}

// CPU is the time of all CPUs together.
func (u Usage) CPU() time.Duration { return u.UserCPU + u.SystemCPU }

// ioBlock is the unit of ru_inblock and ru_oublock, whatever the disk's is;
// task_io_get_inblock in include/linux/task_io_accounting_ops.h.
const ioBlock = 512

// newUsage translates what wait4(2) said; see getrusage(2).
func newUsage(r *syscall.Rusage) Usage {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) == nil && r.Maxrss <= own.Maxrss {
		r.Maxrss = 0
	}
	return Usage{
		UserCPU:      time.Duration(r.Utime.Nano()),
		SystemCPU:    time.Duration(r.Stime.Nano()),
		PeakMemory:   r.Maxrss << 10, // in kilobytes
		ReadBytes:    r.Inblock * ioBlock,
		WrittenBytes: r.Oublock * ioBlock,
	}
}
