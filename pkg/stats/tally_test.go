package stats

import (
	"net/http"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

func TestEndedAddsUpPerType(t *testing.T) {
	c, _ := newTestCounters("a", "b")
	for _, r := range []Run{
		{Type: "a", Outcome: "ok", End: Done, Took: 1500 * time.Millisecond, Usage: usage.Usage{UserCPU: 20 * time.Millisecond, SystemCPU: 5 * time.Millisecond, PeakMemory: 300, ReadBytes: 1, WrittenBytes: 2}},
		{Type: "a", Outcome: "failed", End: Retried, Took: 500 * time.Millisecond, Usage: usage.Usage{UserCPU: 10 * time.Millisecond, PeakMemory: 200, ReadBytes: 3}},
		{Type: "a", Outcome: "ok", End: Done, Usage: usage.Usage{PeakMemory: 100}},
		{Type: "unknown", Outcome: "ok", End: Done},
	} {
		c.Started(r.Type)
		c.Ended(r)
	}
	h, err := newHandler("", c)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"runtime":0,"task_count":{"a":3,"b":0},"version":"2.0.0","tasks":{"a":{"outcomes":{"failed":1,"ok":2},"retried":1,` +
		`"wall_ms":2000,"cpu_user_ms":30,"cpu_system_ms":5,"peak_memory_bytes":300,"io_read_bytes":4,"io_written_bytes":2}}}`
	if got := ask(h, http.MethodGet, "/").Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := c.Snapshot(); s.Running != 0 || s.Failed != 0 || s.Done != 3 {
		t.Errorf("a retry is neither done nor failed: %+v", s)
	}
}
