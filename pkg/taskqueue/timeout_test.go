package taskqueue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

func timeout(d, grace time.Duration) func(*config.Task) {
	return func(t *config.Task) { t.Timeout, t.KillGrace = d, grace }
}

// A task that hangs is ended with its whole tree, and the next one runs.
func TestTimeoutEndsTheTree(t *testing.T) {
	traps := map[string]string{
		"obeys":           "",
		"ignores SIGTERM": `trap "" TERM; `,
		"exits with 0":    `trap "exit 0" TERM; `,
		"is suspended":    `kill -STOP $$; `,
	}
	r := newRig(t)
	// The time is for the scripts to begin with. They take it at once.
	const limit = 3 * time.Second
	for name, trap := range traps {
		r.task(name, `echo so far; setsid sh -c 'trap "" TERM; echo $$ >"$1"; while :; do sleep 0.02; done' x "$D/escaped $GORDON_TASK_TYPE" &
while ! [ -s "$D/escaped $GORDON_TASK_TYPE" ]; do sleep 0.01; done
`+trap+`while :; do sleep 0.02; done`, timeout(limit, 200*time.Millisecond))
		r.push(name, "{}")
	}
	r.start()
	r.ended(int64(len(traps)))
	for name := range traps {
		failed := r.failed(name)
		if len(failed) != 1 || !strings.Contains(failed[0], fmt.Sprintf(`"error_message":"timed out after %v\nso far\n`, limit)) {
			t.Errorf("%s: failed list %q", name, failed)
		}
		escaped := strings.TrimSpace(r.read("escaped " + name))
		if escaped == "" || alive(t, escaped) {
			t.Errorf("%s: the process %q that had escaped with setsid is left", name, escaped)
		}
		r.task(name, `touch "$D/next $GORDON_TASK_TYPE"`)
	}
	if n := strings.Count(r.log.String(), `outcome="timed out"`); n != len(traps) {
		t.Errorf("the log tells of %d time-outs", n)
	}
	r.reload()
	for name := range traps {
		r.push(name, "{}")
		r.until("the next one runs", func() bool { return r.exists("next " + name) })
	}
}

func TestTimeoutLeavesAloneWhatEndsInTime(t *testing.T) {
	r := newRig(t)
	r.task("T", `sleep 0.1; touch "$D/done"`, timeout(time.Hour, time.Second))
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if s := r.counters.Snapshot(); s.Done != 1 || !r.exists("done") {
		t.Errorf("%+v", s)
	}
}

// The stop of the daemon comes first: the entry goes back, it has not failed.
func TestAbortBeforeTheTimeout(t *testing.T) {
	r := newRig(t)
	r.task("T", `touch "$D/started"; while :; do sleep 0.01; done`, timeout(time.Hour, time.Second))
	r.push("T", "{}")
	r.start()
	r.until("it runs", func() bool { return r.exists("started") })
	r.pool.Abort()
	<-r.pool.Over()
	if failed, queue := r.failed("T"), server.List(t, "q:T"); len(failed) != 0 || len(queue) != 1 {
		t.Errorf("failed %q, queue %q", failed, queue)
	}
}
