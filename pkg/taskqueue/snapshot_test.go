package taskqueue

import (
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

func TestSnapshot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("busy", waitForGo, workers(2))
	r.task("idle", ":")
	r.task("held", ":")
	r.task("rests", "exit 1", func(t *config.Task) {
		t.Backoff = config.Backoff{Enabled: true, Min: time.Hour, Max: time.Hour, Factor: 1}
	})
	r.server.Do(t, "SADD", "q:paused", "held")
	r.push("busy", `{"id":"a"}`)
	r.push("rests", "{}")
	r.start()
	state := func(name string) (found TypeState) {
		for _, s := range r.pool.Snapshot() {
			if s.Type == name {
				found = s
			}
		}
		return found
	}
	r.until("the task runs", func() bool { s := state("busy"); return len(s.Running) == 1 && s.Running[0].PID > 0 })
	r.until("the type rests", func() bool { return !state("rests").RestsUntil.IsZero() })
	busy := state("busy")
	if busy.Workers != 2 || busy.Redis != "unix:"+r.server.Socket && busy.Redis != r.server.Socket || busy.Running[0].EntryID != "a" || busy.Paused || busy.Draining {
		t.Errorf("busy: %+v", busy)
	}
	if s := state("held"); !s.Paused || len(s.Running) != 0 {
		t.Errorf("held: %+v", s)
	}
	if s := state("idle"); s.Workers != 1 || s.Paused || !s.RestsUntil.IsZero() {
		t.Errorf("idle: %+v", s)
	}
	if rest := time.Until(state("rests").RestsUntil); rest < 50*time.Minute {
		t.Errorf("rests for %v", rest)
	}
	delete(r.config.Tasks, "busy")
	r.reload()
	if s := state("busy"); !s.Draining || len(s.Running) != 1 {
		t.Errorf("removed, while its task runs: %+v", s)
	}
	r.write("go")
	r.until("the removed type is gone", func() bool { return state("busy").Type == "" })
}
