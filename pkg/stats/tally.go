package stats

import (
	"maps"
	"sync"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

// tally sums up the runs of one type.
type tally struct {
	mu       sync.Mutex
	outcomes map[string]int64
	retried  int64
	wall     time.Duration
	usage    usage.Usage // PeakMemory is the highest of all runs; the others are sums
}

func newTally() *tally { return &tally{outcomes: make(map[string]int64)} }

func (t *tally) add(r Run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[r.Outcome]++
	if r.End == Retried {
		t.retried++
	}
	t.wall += r.Took
	t.usage.UserCPU += r.Usage.UserCPU
	t.usage.SystemCPU += r.Usage.SystemCPU
	t.usage.PeakMemory = max(t.usage.PeakMemory, r.Usage.PeakMemory)
	t.usage.ReadBytes += r.Usage.ReadBytes
	t.usage.WrittenBytes += r.Usage.WrittenBytes
}

// typeReport has the statistics of the runs of one type since the start.
type typeReport struct {
	Outcomes     map[string]int64 `json:"outcomes"`
	Retried      int64            `json:"retried"`
	WallMS       int64            `json:"wall_ms"`
	CPUUserMS    int64            `json:"cpu_user_ms"`
	CPUSystemMS  int64            `json:"cpu_system_ms"`
	PeakMemory   int64            `json:"peak_memory_bytes"`
	ReadBytes    int64            `json:"io_read_bytes"`
	WrittenBytes int64            `json:"io_written_bytes"`
}

func (t *tally) report() typeReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return typeReport{
		Outcomes: maps.Clone(t.outcomes), Retried: t.retried, WallMS: t.wall.Milliseconds(),
		CPUUserMS: t.usage.UserCPU.Milliseconds(), CPUSystemMS: t.usage.SystemCPU.Milliseconds(),
		PeakMemory: t.usage.PeakMemory, ReadBytes: t.usage.ReadBytes, WrittenBytes: t.usage.WrittenBytes,
	}
}
