package runner

import (
	"syscall"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// ioBlock is the unit of ru_inblock and ru_oublock, independent of the disk;
// task_io_get_inblock in include/linux/task_io_accounting_ops.h.
const ioBlock = 512

// newUsage converts the result of wait4(2); see getrusage(2).
//
// The peak of resident memory includes the memory that was resident at execve(2)
// (exec_mmap in fs/exec.c), and then the child still shared Gordon's memory. A peak
// below Gordon's own is therefore unknown.
func newUsage(r *syscall.Rusage) usage.Usage {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) == nil && r.Maxrss <= own.Maxrss {
		r.Maxrss = 0
	}
	return usage.Usage{
		UserCPU:      time.Duration(r.Utime.Nano()),
		SystemCPU:    time.Duration(r.Stime.Nano()),
		PeakMemory:   r.Maxrss << 10, // in kilobytes
		ReadBytes:    r.Inblock * ioBlock,
		WrittenBytes: r.Oublock * ioBlock,
	}
}
