package taskqueue

import (
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
	t.Parallel()
	for name, trap := range map[string]string{
		"obeys":           "",
		"ignores SIGTERM": `trap "" TERM; `,
		"exits with 0":    `trap "exit 0" TERM; `,
		"is suspended":    `kill -STOP $$; `,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A busy machine may need longer until the script has come to where it hangs.
			var r *rig
			var message string
			limit := 300 * time.Millisecond
			for ; ; limit *= 2 {
				r = newRig(t)
				r.task("T", `echo so far; setsid sh -c 'trap "" TERM; echo $$ >"$1/escaped"; while :; do sleep 0.05; done' x "$D" &
while ! [ -s "$D/escaped" ]; do sleep 0.05; done; touch "$D/ready"
`+trap+`while :; do sleep 0.05; done`, timeout(limit, 200*time.Millisecond))
				r.task("U", `touch "$D/next"`)
				message = failOne(t, r, "{}")["error_message"].(string)
				if r.exists("ready") || limit > time.Minute {
					break
				}
				r.pool.Shutdown(0, 5*time.Second, nil)
			}
			if !strings.HasPrefix(message, "timed out after "+limit.String()+"\nso far\n") {
				t.Errorf("message: %q", message)
			}
			if alive(t, strings.TrimSpace(r.read("escaped"))) {
				t.Error("a process that had escaped with setsid is left")
			}
			if !strings.Contains(r.log.String(), `outcome="timed out"`) {
				t.Error("the log does not say so")
			}
			r.push("U", "{}")
			r.until("the next one runs", func() bool { return r.exists("next") })
		})
	}
}

func TestTimeoutLeavesAloneWhatEndsInTime(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/started"; while :; do sleep 0.05; done`, timeout(time.Hour, time.Second))
	r.push("T", "{}")
	r.start()
	r.until("it runs", func() bool { return r.exists("started") })
	r.pool.Abort()
	<-r.pool.Over()
	if failed, queue := r.failed("T"), r.server.List(t, "q:T"); len(failed) != 0 || len(queue) != 1 {
		t.Errorf("failed %q, queue %q", failed, queue)
	}
}
