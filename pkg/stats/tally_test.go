package stats

import (
	"net/http"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

func TestMeasureAddsUpPerType(t *testing.T) {
	c, _ := newTestCounters("a", "b")
	c.Measure("a", "ok", 1500*time.Millisecond, usage.Usage{UserCPU: 20 * time.Millisecond, SystemCPU: 5 * time.Millisecond, PeakMemory: 300, ReadBytes: 1, WrittenBytes: 2})
	c.Measure("a", "failed", 500*time.Millisecond, usage.Usage{UserCPU: 10 * time.Millisecond, PeakMemory: 200, ReadBytes: 3})
	c.Measure("a", "ok", 0, usage.Usage{PeakMemory: 100})
	c.Measure("unknown", "ok", 0, usage.Usage{})
	c.Started("a")
	c.Retried("a")
	h, err := newHandler("", c)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"runtime":0,"task_count":{"a":1,"b":0},"version":"2.0.0","tasks":{"a":{"outcomes":{"failed":1,"ok":2},"retried":1,` +
		`"wall_ms":2000,"cpu_user_ms":30,"cpu_system_ms":5,"peak_memory_bytes":300,"io_read_bytes":4,"io_written_bytes":2}}}`
	if got := ask(h, http.MethodGet, "/").Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := c.Snapshot(); s.Running != 0 || s.Failed != 0 || s.Done != 0 {
		t.Errorf("a retry is neither done nor failed: %+v", s)
	}
}
