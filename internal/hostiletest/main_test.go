// Package hostiletest gives the real binary what nobody should: entries that are
// huge, odd or malicious, scripts that print anything, and clients of its
// interfaces that mean harm.
package hostiletest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// large is the size of large entries. 512 MiB less 1 KiB is the most that Redis
// takes; it needs 4 GB of memory and a few minutes.
var large = flag.Int("hostile.large", 16, "size of the large entries in MiB")

// clients is how many attack the stats interface; half as many attack the control
// socket. With many, those that mean no harm wait for longer.
var clients = flag.Int("hostile.clients", 180, "how many clients attack the stats interface")

var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait most of the time.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

// run builds gordon as it ships: the race detector would multiply the memory that
// is measured here.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gordon-binary")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gordon")
	build := exec.Command("go", "build", "-o", binary, "github.com/nevsnode/gordon/v2/cmd/gordon")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build gordon: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// newSite has a Redis of its own, since FLUSHALL of 512 MB is no use to others.
func newSite(t *testing.T) (*gordontest.Site, *redistest.Server) {
	t.Helper()
	s, err := redistest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return gordontest.NewSite(t, binary, gordontest.Unix(s.Socket)), s
}

// awaitRecords waits for n records on a failed list and returns them, decoded:
// whatever has failed, they are JSON with an error_message.
func awaitRecords(t *testing.T, s *redistest.Server, list string, n int) []map[string]any {
	t.Helper()
	gordontest.Until(t, fmt.Sprintf("%d records in %s", n, list), func() bool {
		length, ok := s.Do(t, "LLEN", list).(int64)
		return ok && length >= int64(n)
	})
	raws := s.List(t, list)
	records := make([]map[string]any, len(raws))
	for i, raw := range raws {
		if err := json.Unmarshal([]byte(raw), &records[i]); err != nil {
			t.Fatalf("record %d %.300q: %v", i, raw, err)
		}
		if message, ok := records[i]["error_message"].(string); !ok || message == "" {
			t.Fatalf("record %d %.300q has no error_message", i, raw)
		}
	}
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
	return records
}
