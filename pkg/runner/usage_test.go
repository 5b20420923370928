package runner_test

import (
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/runner"
)

func TestOutcomeMeasuresTime(t *testing.T) {
	o := run(t, `i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.1`)
	want(t, o, runner.Exited, "")
	if o.Wall < 100*time.Millisecond || o.Wall > patience {
		t.Errorf("wall time is %v", o.Wall)
	}
	if cpu := o.Usage.CPU(); cpu <= 0 || cpu > o.Wall {
		t.Errorf("CPU time is %v + %v in %v", o.Usage.UserCPU, o.Usage.SystemCPU, o.Wall)
	}
}

// The memory of a child counts if its parent waits for it, and if it is more than the peak
// of this test binary.
func TestOutcomeMeasuresMemory(t *testing.T) {
	var own unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	size := own.Maxrss<<10 + 100<<20
	o := run(t, `head -c "$1" /dev/zero | tail -c "$1" >/dev/null`, strconv.FormatInt(size, 10))
	want(t, o, runner.Exited, "")
	if peak := o.Usage.PeakMemory; peak < size || peak > 3*size || peak%1024 != 0 {
		t.Errorf("peak memory is %d bytes, want about %d", peak, size)
	}
}

// The memory of the daemon does not count for the run.
func TestOutcomeDoesNotCountTheMemoryOfGordon(t *testing.T) {
	o := run(t, `:`)
	want(t, o, runner.Exited, "")
	if peak := o.Usage.PeakMemory; peak != 0 {
		t.Errorf("peak memory of a shell that does nothing is %d bytes", peak)
	}
}

// Writes to a file count, unless its file system is in memory.
func TestOutcomeMeasuresWrites(t *testing.T) {
	const size = 4 << 20
	dir := t.TempDir()
	least := int64(size)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		least = 0
	}
	o := run(t, `head -c 4194304 /dev/zero >"$1"`, dir+"/file")
	want(t, o, runner.Exited, "")
	if got := o.Usage.WrittenBytes; got < least || got > 2*size || got%512 != 0 {
		t.Errorf("%d bytes written, want %d", got, size)
	}
	if got := o.Usage.ReadBytes; got < 0 || got%512 != 0 {
		t.Errorf("%d bytes read", got)
	}
}
