package task

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/entry"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// newWorker returns a worker for a type whose script is a shell script with this body.
func newWorker(t *testing.T, body string, change func(*config.Task)) *Worker {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	planner, err := NewPlanner(Options{Log: log, Counters: stats.New("test", time.Now), Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(planner.Close)
	one := config.Task{Type: "T", Script: script, Workers: 1, FailOnOutput: config.FailOnAny}
	one.Failed.TTL = time.Hour
	change(&one)
	plans, err := planner.Plan(t.Context(), &config.Config{TempDir: t.TempDir(), Tasks: map[string]config.Task{"T": one}})
	if err != nil {
		t.Fatal(err)
	}
	return &Worker{
		Plan: plans.Types["T"], Log: log, Abort: t.Context(), Kill: t.Context(), Drained: t.Context(),
		Registry: new(Registry), Guesses: new(Guesses), Chance: func() float64 { return 0 }, Tried: func(Attempt, error) {},
	}
}

// A run can be written down after each step and taken up again by another worker: one
// that has ended is settled as it would have been, and its script does not run again.
func TestRunIsData(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	w := newWorker(t, "echo x >>'"+ran+"'; echo oops; exit 3", func(*config.Task) {})
	first := &Run{Type: "T", ID: "host-00000000.T.1", Slot: 4, Payload: []byte(`{"args":["a"]}`), Note: store.Note{Number: 1, Fail: true}}
	want := w.Do(first)
	if want.How != store.Fail || want.Slot != 4 || first.Process.PID == 0 || first.Attempt != 1 || first.Began.IsZero() {
		t.Fatalf("how %q, run %+v", want.How, first)
	}
	written, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var again Run
	if err := json.Unmarshal(written, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*first, again, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
	got := w.Do(&again)
	if string(got.Record) != string(want.Record) || got.How != want.How || got.TTL != want.TTL || got.Effect != want.Effect {
		t.Errorf("settled again: %q %s, at first %q %s", got.How, got.Record, want.How, want.Record)
	}
	if content, err := os.ReadFile(ran); err != nil || string(content) != "x\n" {
		t.Errorf("the script ran: %q, %v", content, err)
	}
}

// A registry lists the tasks with their process, and finds them by both ids.
func TestRegistryListsWhatRuns(t *testing.T) {
	dir := t.TempDir()
	w := newWorker(t, "while ! [ -e '"+dir+"/go' ]; do sleep 0.01; done", func(*config.Task) {})
	done := make(chan Result, 1)
	run := &Run{Type: "T", ID: "host-00000000.T.7", Payload: []byte(`{"id":"invoice 17"}`)}
	go func() { done <- w.Do(run) }()
	var list []Running
	gordontest.Until(t, "it runs", func() bool {
		list = w.Registry.Running()
		return len(list) == 1 && list[0].PID != 0
	})
	if r := list[0]; r.Type != "T" || r.ID != run.ID || r.EntryID != "invoice 17" || r.Attempt != 1 || r.Since.IsZero() {
		t.Errorf("listed as %+v", r)
	}
	if w.Registry.Cancel("") != 0 || w.Registry.Cancel("another") != 0 || !w.Registry.Has(run.ID) {
		t.Error("an id that is not there matches")
	}
	if n := w.Registry.Cancel("invoice 17"); n != 1 {
		t.Errorf("%d tasks have the id of the entry", n)
	}
	if res := <-done; res.How != store.Fail || run.Verdict.Outcome != entry.OutcomeCancelled || run.Verdict.Exit.Kind != runner.Signaled {
		t.Errorf("%q, %+v", res.How, run.Verdict)
	}
	if len(w.Registry.Running()) != 0 {
		t.Error("a task that has ended is listed")
	}
}
