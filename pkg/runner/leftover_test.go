package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// A child that holds the streams does not delay Wait, and is left alone. The
// leader ends before and after Gordon begins to watch it through a pidfd.
func TestLeftoverHoldsTheStreams(t *testing.T) {
	for name, pause := range map[string]string{"at once": "0", "later": "0.1"} {
		t.Run(name, func(t *testing.T) {
			child := newFlag(t)
			p := start(t, `sleep 1000 & echo $! > `+string(child)+`; sleep `+pause+`; echo done; exit 3`)
			o := p.Wait()
			want(t, o, runner.Exited, "exit status 3")
			if !o.Leftovers || o.LeftBehind != 1 || string(o.Stdout.Tail) != "done\n" {
				t.Errorf("leftovers %v, %d, stdout %q", o.Leftovers, o.LeftBehind, o.Stdout.Tail)
			}
			if !alive(child.pid(t)) {
				t.Error("the child that was left behind is dead")
			}
		})
	}
}

// A child that never stops printing does not delay Wait either. Its output does not count,
// however much of it was read.
func TestNoisyLeftover(t *testing.T) {
	t.Parallel()
	noisy, goOn := newFlag(t), newFlag(t)
	o := run(t, `(echo ready; echo >"$1"; while ! [ -s "$2" ]; do :; done; exec yes noise) & while ! [ -s "$1" ]; do sleep 0.01; done; (sleep 0.1; echo >"$2") >&- 2>&- & exit 0`,
		string(noisy), string(goOn))
	want(t, o, runner.Exited, "")
	if !o.Leftovers || string(o.Stdout.Tail) != "ready\n" || o.Stdout.Total != 6 {
		t.Errorf("leftovers %v, %d bytes, %.20q", o.Leftovers, o.Stdout.Total, o.Stdout.Tail)
	}
}

// The output of processes that end along with the leader belongs to the task, even if they
// are scheduled after the leader's end: the rest of a pipeline, and a child that only
// prints. It never depends on chance.
func TestOutputOfWhatEndsWithTheLeaderCounts(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"a child":              `echo late & exit 0`,
		"an idle child":        `nice -n 19 sh -c 'echo late' & exit 0`,
		"the rest of a chain":  `mkfifo "$1"; (cat <"$1" | cat | nice -n 19 cat) & echo late >"$1"`,
		"on standard error":    `echo late >&2 & exit 0`,
		"a child of the child": `(nice -n 19 sh -c 'sh -c "echo late" & exit' & exit) & exit 0`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				o := run(t, body, filepath.Join(t.TempDir(), "fifo"))
				want(t, o, runner.Exited, "")
				if got := string(o.Stdout.Tail) + string(o.Stderr.Tail); got != "late\n" || o.Leftovers {
					t.Fatalf("printed %q, leftovers %v", got, o.Leftovers)
				}
			}
		})
	}
}

// Later output of a left-over process never counts, however soon it comes, because the
// process slept in between. The times are those of a race in an earlier version.
func TestLaterOutputOfLeftoversDoesNotCount(t *testing.T) {
	for _, later := range []string{"0.4", "0.499", "0.5", "0.501"} {
		t.Run(later, func(t *testing.T) {
			t.Parallel()
			for good, deadline := 0, time.Now().Add(patience); good < 3; {
				began := time.Now()
				o := run(t, `(sleep `+later+`; echo late; echo late >&2) & echo ready; exit 0`)
				took := time.Since(began)
				want(t, o, runner.Exited, "")
				if o.Leftovers && string(o.Stdout.Tail) == "ready\n" && o.Stderr.Total == 0 {
					good++
				} else if took < 200*time.Millisecond || time.Now().After(deadline) {
					t.Fatalf("after %v: leftovers %v, printed %q and %q", took, o.Leftovers, o.Stdout.Tail, o.Stderr.Tail)
				} // else this machine was too slow to look at the process while it slept
			}
		})
	}
}

// A child that does not hold the streams is left alone.
func TestDaemonizedChild(t *testing.T) {
	child := newFlag(t)
	o := run(t, `setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! > `+string(child))
	want(t, o, runner.Exited, "")
	if o.Leftovers {
		t.Error("leftovers reported")
	}
	if !alive(child.pid(t)) {
		t.Error("the daemonized child is dead")
	}
}

// All output of the leader is in the outcome, even if it filled the whole
// pipe at the very end and another process still holds the pipe.
func TestLeaderOutputIsComplete(t *testing.T) {
	o := run(t, `sleep 1000 & head -c 65536 /dev/zero | tr '\0' x`)
	want(t, o, runner.Exited, "")
	if o.Stdout.Total != 65536 || strings.Trim(string(o.Stdout.Tail), "x") != "" {
		t.Errorf("%d bytes", o.Stdout.Total)
	}
}

// Processes of the process group are counted even if they hold no stream.
func TestLeftoversAreCounted(t *testing.T) {
	for body, count := range map[string]int{
		`sleep 1000 >&- 2>&- & sleep 1000 >&- 2>&- & exit 0`: 2,
		`exit 0`: 0,
	} {
		t.Run(body, func(t *testing.T) {
			o := run(t, body)
			if want(t, o, runner.Exited, ""); o.LeftBehind != count {
				t.Errorf("%d processes, want %d", o.LeftBehind, count)
			}
		})
	}
}

// A process that is ending as well is not left behind. On a busy machine
// it may take longer to end. Therefore one run of many is enough.
func TestWhatEndsSoonIsNotCounted(t *testing.T) {
	gordontest.Until(t, "a run counts nothing", func() bool {
		return run(t, `sleep 0.02 >&- 2>&- & exit 0`).LeftBehind == 0
	})
}

// With KillLeftovers no process of a task is left, wherever it went. A process that
// ignores SIGTERM lives no longer than the grace.
func TestKillLeftovers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body  string
		grace time.Duration
		trace string
	}{
		"in the group":    {`sleep 1000 & echo $! >"$1"`, patience, ""},
		"in a session":    {`setsid sleep 1000 >/dev/null 2>&1 & echo $! >"$1"`, patience, ""},
		"polite":          {`sh -c 'trap "echo end >\"$1.trace\"; exit" TERM; echo $$ >"$1"; while :; do sleep 0.01; done' x "$1" >&- 2>&- & while ! [ -s "$1" ]; do sleep 0.01; done`, patience, "end\n"},
		"ignores SIGTERM": {`sh -c 'trap "" TERM; echo $$ >"$1"; while :; do sleep 0.01; done' x "$1" >&- 2>&- & while ! [ -s "$1" ]; do sleep 0.01; done`, 50 * time.Millisecond, ""},
		"no grace":        {`sh -c 'trap "" TERM; echo $$ >"$1"; while :; do sleep 0.01; done' x "$1" >&- 2>&- & while ! [ -s "$1" ]; do sleep 0.01; done`, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			child := newFlag(t)
			s := spec(t, tc.body, string(child))
			s.KillLeftovers, s.LeftoverGrace = true, tc.grace
			p, err := runner.Start(s)
			if err != nil {
				t.Fatal(err)
			}
			o := p.Wait()
			if want(t, o, runner.Exited, ""); o.LeftBehind < 1 || p.Stopped() {
				t.Errorf("%d processes, stopped %v", o.LeftBehind, p.Stopped())
			}
			if alive(child.pid(t)) {
				t.Error("it lives")
			}
			if trace, _ := os.ReadFile(string(child) + ".trace"); string(trace) != tc.trace {
				t.Errorf("it wrote %q at its end", trace)
			}
		})
	}
}

// A stop of the daemon does not wait for the grace of left-over processes.
func TestStopHastensTheEndOfLeftovers(t *testing.T) {
	child := newFlag(t)
	s := spec(t, `sh -c 'trap "echo >\"$1.told\"" TERM; echo $$ >"$1"; while :; do sleep 0.01; done' x "$1" >&- 2>&- & while ! [ -s "$1" ]; do sleep 0.01; done`, string(child))
	s.KillLeftovers, s.LeftoverGrace = true, time.Hour
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		flag(string(child) + ".told").text(t)
		p.Stop(context.Background(), 0)
	}()
	o := p.Wait()
	if want(t, o, runner.Exited, ""); o.LeftBehind < 1 || p.Stopped() || alive(child.pid(t)) {
		t.Errorf("%d processes, stopped %v", o.LeftBehind, p.Stopped())
	}
}
