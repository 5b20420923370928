package taskqueue

import (
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

func TestPause(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1" >>"$D/runs"; while [ "$1" = long ] && ! [ -e "$D/go" ]; do sleep 0.05; done`)
	r.task("U", `echo "$1" >>"$D/others"`)
	r.push("T", `{"args":["long"]}`)
	r.start()
	r.ran(1, "runs")
	r.server.Do(t, "SADD", "q:paused", "T")
	r.until("the pause is seen", func() bool { return strings.Contains(r.log.String(), "the type is paused") })
	r.push("T", `{"args":["waits"]}`)
	r.write("go") // what runs goes on, and takes nothing after it
	r.ended(1)
	r.push("U", `{"args":["other"]}`)
	r.ran(1, "others")
	if got := r.lines("runs"); len(got) != 1 || len(r.server.List(t, "q:T")) != 1 {
		t.Errorf("while it is paused: runs %q", got)
	}
	r.server.Do(t, "SREM", "q:paused", "T")
	r.ran(2, "runs")
}

// An idle type waits inside a take, which has to be withdrawn.
func TestPauseOfAnIdleType(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/ran"`)
	r.start()
	r.server.Do(t, "SADD", "q:paused", "T")
	r.until("the pause is seen", func() bool { return strings.Contains(r.log.String(), "the type is paused") })
	r.push("T", "{}")
	r.until("nobody takes it", func() bool { return r.inRunLists() == 0 && len(r.server.List(t, "q:T")) == 1 })
	if r.exists("ran") {
		t.Error("a paused type ran")
	}
	r.server.Do(t, "DEL", "q:paused")
	r.ended(1)
}

// A pause survives a restart, and holds from the first moment on.
func TestPauseHoldsAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/ran"`)
	r.task("U", ":")
	r.server.Do(t, "SADD", "q:paused", "T")
	r.push("T", "{}")
	r.push("U", "{}")
	r.start()
	r.ended(1)
	if r.exists("ran") || len(r.server.List(t, "q:T")) != 1 {
		t.Error("a paused type ran")
	}
	// Nor does a reload begin it.
	r.task("V", ":")
	r.reload()
	r.push("V", "{}")
	r.ended(2)
	if r.exists("ran") {
		t.Error("a paused type ran after a reload")
	}
}

func TestPauseLastsOverALossOfTheWatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/ran"`)
	r.start()
	r.server.Do(t, "SADD", "q:paused", "T")
	r.until("the pause is seen", func() bool { return strings.Contains(r.log.String(), "the type is paused") })
	r.server.Do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	r.until("the loss is seen", func() bool { return strings.Contains(r.log.String(), "lost connection to redis") })
	r.push("T", "{}")
	r.until("reconnected to redis", func() bool { return strings.Contains(r.log.String(), "reconnected to redis") })
	r.server.Do(t, "SREM", "q:paused", "T")
	r.ended(1)
	if n := strings.Count(r.log.String(), "the type is paused"); n != 1 {
		t.Errorf("the pause was told %d times", n)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ entry, by string }{
		"by the id of the task":  {`{}`, ".T.1"},
		"by the id of the entry": {`{"id":"invoice 17"}`, "invoice 17"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.config.ErrorScript = r.file("notify.sh")
			r.task("notify", `touch "$D/told"`)
			delete(r.config.Tasks, "notify")
			r.task("T", `echo so far; echo "$GORDON_TASK_ID" >"$D/id"; setsid sh -c 'trap "" TERM; echo $$ >"$1/escaped"; while :; do sleep 0.05; done' x "$D" &
while ! [ -s "$D/escaped" ]; do sleep 0.05; done; touch "$D/ready"; wait`, attempts(5), timeout(0, 200*time.Millisecond), backedOff)
			r.push("T", tt.entry)
			r.start()
			r.until("it runs", func() bool { return r.exists("ready") })
			by := tt.by
			if strings.HasPrefix(by, ".") {
				by = strings.TrimSpace(r.read("id"))
			}
			r.server.Do(t, "PUBLISH", "q:control", `{"cancel":"somebody else's"}`)
			r.server.Do(t, "PUBLISH", "q:control", `{"cancel":"`+by+`"}`)
			r.ended(1)
			failed := r.failed("T")
			if len(failed) != 1 || !strings.Contains(failed[0], `"outcome":"cancelled"`) || !strings.HasSuffix(failed[0], `"error_message":"cancelled\nso far\n"}`) {
				t.Errorf("failed: %q", failed)
			}
			if alive(t, strings.TrimSpace(r.read("escaped"))) {
				t.Error("a process of its tree is left")
			}
			if r.exists("told") || len(r.delayed("T")) != 0 {
				t.Error("the error_script ran, or the task runs again, though somebody wanted no more of it")
			}
			r.task("T", `touch "$D/next"`)
			r.reload()
			r.push("T", "{}") // the type does not rest: a cancel is no fault of it
			r.until("the next one runs", func() bool { return r.exists("next") })
		})
	}
}

func backedOff(t *config.Task) {
	t.Backoff = config.Backoff{Enabled: true, Min: time.Hour, Max: time.Hour, Factor: 1}
}

// One channel is heard by all; each stops what it has.
func TestCancelReachesEveryInstance(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	rigs := []*rig{newRigOn(t, server), newRigOn(t, server)}
	for _, r := range rigs {
		r.task("T", `touch "$D/ready"; sleep 60`)
		r.start()
	}
	rigs[0].push("T", `{"id":"x"}`, `{"id":"x"}`)
	for _, r := range rigs {
		r.until("each runs one", func() bool { return r.exists("ready") })
	}
	server.Do(t, "PUBLISH", "q:control", `{"cancel":"x"}`)
	for _, r := range rigs {
		r.until("it is cancelled", func() bool { return r.counters.Snapshot().Failed == 1 })
	}
}

func TestMalformedOrdersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", ":")
	r.start()
	r.server.Do(t, "PUBLISH", "q:control", "stop that\nnow")
	r.until("the log says so", func() bool {
		return strings.Contains(r.log.String(), "invalid message on the control channel")
	})
	r.push("T", "{}")
	r.ended(1)
}
