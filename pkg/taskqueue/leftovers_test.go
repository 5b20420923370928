package taskqueue

import (
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

const leavesOne = `sleep 600 >&- 2>&- & echo $! >"$D/left"`

// As in 1.6.5 they go on by default; what is new is that somebody hears of it.
func TestCompat_LeftoversGoOn(t *testing.T) {
	r := newRig(t)
	r.task("T", leavesOne)
	r.push("T", "{}")
	r.start()
	r.ended(1)
	left := strings.TrimSpace(r.read("left"))
	if !alive(t, left) {
		t.Error("it is gone")
	}
	if log := r.log.String(); !strings.Contains(log, `level=WARN msg="the task has left processes behind, they go on"`) || !strings.Contains(log, "processes=1") {
		t.Error("the log does not count it")
	}
	if _, err := runner.KillMarked(t.Context(), func(m string) bool { return strings.HasPrefix(m, r.pool.current.id) }); err != nil {
		t.Error(err)
	}
}

func TestLeftoversAreKilled(t *testing.T) {
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
	if !strings.Contains(r.log.String(), `level=WARN msg="ended what the task had left behind"`) {
		t.Error("the log does not say so")
	}
}

func TestNothingLeftSaysNothing(t *testing.T) {
	r := newRig(t)
	r.task("T", "true")
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if log := r.log.String(); strings.Contains(log, "left") || strings.Contains(log, "tasks_max") || strings.Contains(log, "cpu_quota") {
		t.Error(log)
	}
}
