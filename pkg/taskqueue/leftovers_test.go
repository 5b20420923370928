package taskqueue

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
)

const leavesOne = `sleep 600 >&- 2>&- & echo $! >"$D/left"`

// As in 1.6.5 they go on by default; what is new is that somebody hears of it.
func TestCompat_LeftoversGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", leavesOne)
	r.push("T", "{}")
	r.start()
	r.ended(1)
	left := strings.TrimSpace(r.read("left"))
	if !alive(t, left) {
		t.Error("it is gone")
	}
	if log := r.log.String(); !strings.Contains(log, `level=WARN msg="the task left processes running"`) || !strings.Contains(log, "processes=1") {
		t.Error("the log does not count it")
	}
	if _, err := proctree.KillMarked(t.Context(), func(m string) bool { return strings.HasPrefix(m, r.pool.current.id) }); err != nil {
		t.Error(err)
	}
}

// As in 1.6.5, what a script or the error_script leaves behind may go on writing to its
// output. It counts for nothing.
func TestCompat_LeftoversMayWrite(t *testing.T) {
	t.Parallel()
	const late = `
(read x <"$D/go"; echo late && echo late >&2 && echo "$0" >>"$D/wrote") &
exit `
	r := newRig(t)
	if err := unix.Mkfifo(r.file("go"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.errorScript(late + "0")
	r.task("good", late+"0")
	r.task("bad", late+"3")
	r.push("good", "{}")
	r.push("bad", "{}")
	r.start()
	r.ended(2)
	if s := r.counters.Snapshot(); s.Done != 1 || s.Failed != 1 {
		t.Errorf("%d done, %d failed", s.Done, s.Failed)
	}
	if failed := strings.Join(r.failed("bad"), " "); !strings.Contains(failed, `"error_message":"exit status 3"`) {
		t.Errorf("failed list: %s", failed)
	}
	release, err := os.OpenFile(r.file("go"), os.O_RDWR, 0) // waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	if _, err := release.WriteString("\n\n\n"); err != nil {
		t.Fatal(err)
	}
	r.until("all three have written", func() bool { return len(r.lines("wrote")) == 3 })
	r.until("their streams are closed", func() bool { return r.planner.KeptStreams() == 0 })
}

func TestLeftoversAreKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", leavesOne, func(c *config.Task) { c.Leftovers, c.KillGrace = config.LeftoversKill, 20*time.Second })
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if alive(t, strings.TrimSpace(r.read("left"))) {
		t.Error("it lives on")
	}
	if s := r.counters.Snapshot(); s.Done != 1 {
		t.Errorf("the task did not count as done: %+v", s)
	}
	if !strings.Contains(r.log.String(), `level=WARN msg="killed left-over processes of the task"`) {
		t.Error("the log does not say so")
	}
}

func TestNothingLeftSaysNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "true")
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if log := r.log.String(); strings.Contains(log, "left") || strings.Contains(log, "tasks_max") || strings.Contains(log, "cpu_quota") {
		t.Error(log)
	}
}
