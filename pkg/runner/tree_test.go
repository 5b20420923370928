package runner_test

import (
	"context"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// Stop must find a task's processes wherever they went. Each script writes the
// pid of the process that is hard to find.
func TestStopFindsTheTree(t *testing.T) {
	for name, body := range map[string]string{
		"children of children": `
			(sh -c 'sleep 1000 & echo $! > $0; wait' $1 & wait) & wait`,
		"own session": `
			setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 & wait`,
		"double fork": `
			(setsid sh -c 'sleep 1000 & echo $! > $0' $1 &) ; sleep 1000`,
		"double fork, streams closed": `
			(setsid sh -c 'sleep 1000 & echo $! > $0' $1 >/dev/null 2>&1 &) ; sleep 1000`,
		"own session without the marker": `
			env -i PATH="$PATH" setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 & wait`,
		"own session without the marker, outlives its parent": `
			env -i PATH="$PATH" setsid sh -c 'trap "" TERM; echo $$ > $0; exec sleep 1000' $1 & wait`,
		"stopped": `
			setsid sh -c 'echo $$ > $0; kill -STOP $$; sleep 1000' $1 & wait`,
		"ignores SIGTERM": `
			setsid sh -c 'trap "" TERM; echo $$ > $0; while :; do sleep 0.01; done' $1 & wait`,
		"outlives the leader": `
			(setsid sh -c 'trap "" TERM; echo $$ > $0; exec sleep 1000' $1 &); sleep 1000`,
		"many that fork all the time": `
			for i in 1 2 3 4; do
				(setsid sh -c 'trap "" TERM; while :; do sh -c ":"; done' &)
			done
			setsid sh -c 'trap "" TERM; echo $$ > $0; while :; do sh -c ":"; done' $1 & wait`,
	} {
		t.Run(name, func(t *testing.T) {
			flag := newFlag(t)
			p := start(t, body, string(flag))
			pid := flag.pid(t)
			stop(t, p, 100*time.Millisecond)
			if alive(pid) {
				t.Errorf("process %d is alive in state %c", pid, state(pid))
			}
			killed, err := proctree.KillMarked(t.Context(), func(m string) bool { return m == markerOf(t) })
			if killed != 0 || err != nil {
				t.Errorf("%d processes of the task were left (%v)", killed, err)
			}
		})
	}
}

// Stop of one task leaves other tasks alone, even those of the same script.
func TestStopSparesOthers(t *testing.T) {
	ready, otherReady := newFlag(t), newFlag(t)
	body := `setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 & wait`
	other := marked(t, markerOf(t)+".other", body, string(otherReady))
	otherChild := otherReady.pid(t)
	p := start(t, body, string(ready))
	ready.pid(t)
	stop(t, p, long)
	if !alive(other.PID()) || !alive(otherChild) {
		t.Error("the other task was hit")
	}
}

// Without a marker the group and its descendants are still found.
func TestStopWithoutMarker(t *testing.T) {
	flag := newFlag(t)
	s := spec(t, `setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 & wait`, string(flag))
	marker := s.Marker
	s.Marker = ""
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := proctree.KillMarked(context.Background(), func(m string) bool { return m == marker }); err != nil {
			t.Error(err)
		}
	})
	pid := flag.pid(t)
	stop(t, p, 0)
	if alive(pid) {
		t.Error("the descendant is alive")
	}
}
