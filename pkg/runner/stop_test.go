package runner_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// long is a grace that is longer than any test.
const long = time.Hour

// stop stops the process while another goroutine waits for it, as the pool
// does, and returns the outcome.
func stop(t *testing.T, p *runner.Process, grace time.Duration) (o runner.Outcome, took time.Duration) {
	t.Helper()
	waited := make(chan runner.Outcome, 1)
	go func() { waited <- p.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	p.Stop(ctx, grace)
	took = time.Since(began)
	return <-waited, took
}

func TestStop(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		grace      time.Duration
		kind       runner.Kind
		reason     string
		least      time.Duration
	}{
		{
			name: "default action", body: `echo > $1; exec sleep 1000`, grace: long,
			kind: runner.Signaled, reason: "signal: terminated",
		},
		{
			name: "obeys", body: `trap 'exit 4' TERM; echo > $1; while :; do sleep 0.01; done`, grace: long,
			kind: runner.Exited, reason: "exit status 4",
		},
		{
			name: "obeys late", body: `trap 'sleep 0.3; exit 5' TERM; echo > $1; while :; do sleep 0.01; done`, grace: long,
			kind: runner.Exited, reason: "exit status 5", least: 300 * time.Millisecond,
		},
		{
			name: "ignores", body: `trap '' TERM; echo > $1; while :; do sleep 0.01; done`, grace: 200 * time.Millisecond,
			kind: runner.Signaled, reason: "signal: killed", least: 200 * time.Millisecond,
		},
		{
			name: "no grace", body: `trap 'exit 4' TERM; echo > $1; while :; do sleep 0.01; done`, grace: 0,
			kind: runner.Signaled, reason: "signal: killed",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ready := newFlag(t)
			p := start(t, tc.body, string(ready))
			ready.text(t)
			o, took := stop(t, p, tc.grace)
			want(t, o, tc.kind, tc.reason)
			if !p.Stopped() {
				t.Error("Stopped is false")
			}
			if took < tc.least || took > tc.least+patience/2 {
				t.Errorf("took %v, want %v", took, tc.least)
			}
			if alive(p.PID()) {
				t.Error("the leader is alive")
			}
		})
	}
}

// A stopped process handles no signal except SIGKILL until it is continued.
func TestStopWhatHasStoppedItself(t *testing.T) {
	for _, tc := range []struct {
		name, trap string
		grace      time.Duration
		kind       runner.Kind
		reason     string
	}{
		{"obeys", `trap 'exit 6' TERM`, long, runner.Exited, "exit status 6"},
		{"ignores", `trap '' TERM`, 50 * time.Millisecond, runner.Signaled, "signal: killed"},
		{"no grace", `trap 'exit 6' TERM`, 0, runner.Signaled, "signal: killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := start(t, tc.trap+`; kill -STOP $$; while :; do kill -STOP $$; sleep 0.01; done`)
			gordontest.Until(t, "the script stops itself", func() bool { return state(p.PID()) == 'T' })
			o, _ := stop(t, p, tc.grace)
			want(t, o, tc.kind, tc.reason)
		})
	}
}

func TestStopIsHastenedByItsContext(t *testing.T) {
	ready, obeyed := newFlag(t), newFlag(t)
	body := `trap 'echo > $2' TERM; echo > $1; while :; do sleep 0.01; done`
	p := start(t, body, string(ready), string(obeyed))
	ready.text(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { p.Stop(ctx, long) })
	obeyed.text(t) // SIGTERM was sent and survived
	if !alive(p.PID()) {
		t.Error("the script is dead before the context's end")
	}
	cancel()
	want(t, p.Wait(), runner.Signaled, "signal: killed")
	wg.Wait()
}

func TestStopWithDeadContextOnlyKills(t *testing.T) {
	ready := newFlag(t)
	p := start(t, `trap 'echo got it' TERM; echo > $1; while :; do sleep 0.01; done`, string(ready))
	ready.text(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Stop(ctx, long)
	o := p.Wait()
	want(t, o, runner.Signaled, "signal: killed")
	if o.Stdout.Total != 0 {
		t.Errorf("SIGTERM was handled: %q", o.Stdout.Tail)
	}
}

// A second Stop, as after a second SIGTERM to the daemon, overtakes the first.
func TestSecondStopOvertakesTheFirst(t *testing.T) {
	ready := newFlag(t)
	p := start(t, `trap '' TERM; echo > $1; while :; do sleep 0.01; done`, string(ready))
	ready.text(t)
	var wg sync.WaitGroup
	wg.Go(func() { p.Stop(context.Background(), long) })
	p.Stop(context.Background(), 50*time.Millisecond)
	want(t, p.Wait(), runner.Signaled, "signal: killed")
	wg.Wait() // long before its grace is over
}

// Wait must not report a task as over while its tree is still being stopped,
// whether it has the streams open or not.
func TestWaitReturnsAfterStop(t *testing.T) {
	t.Parallel()
	for name, streams := range map[string]string{"open": "", "closed": ">/dev/null 2>&1"} {
		t.Run(name, func(t *testing.T) {
			p, child := stubbornChild(t, streams)
			began := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() { p.Stop(context.Background(), 300*time.Millisecond) })
			o := p.Wait()
			if took := time.Since(began); took < 300*time.Millisecond {
				t.Errorf("Wait returned after %v, before the child's grace was over", took)
			}
			if alive(child) {
				t.Error("Wait returned while the child that ignores SIGTERM was alive")
			}
			want(t, o, runner.Exited, "")
			wg.Wait()
		})
	}
}

// stubbornChild starts a script that obeys SIGTERM, and returns the pid of its
// child, which ignores it.
func stubbornChild(t *testing.T, streams string) (p *runner.Process, child int) {
	t.Helper()
	flag := newFlag(t)
	p = start(t, `trap 'exit 0' TERM; (trap '' TERM; exec sleep 1000) `+streams+` & echo $! > $1; wait`, string(flag))
	child = flag.pid(t)
	gordontest.Until(t, "the child ignores SIGTERM", func() bool { return ignores(t, child, unix.SIGTERM) })
	return p, child
}

// A second Stop also works if the first one has ended the leader already.
func TestSecondStopFinishesTheTree(t *testing.T) {
	p, child := stubbornChild(t, "")
	var wg sync.WaitGroup
	wg.Go(func() { p.Stop(context.Background(), long) })
	gordontest.Until(t, "the leader obeys", func() bool { return !alive(p.PID()) })
	p.Stop(context.Background(), 0)
	if alive(child) {
		t.Error("the child is alive")
	}
	want(t, p.Wait(), runner.Exited, "")
	wg.Wait()
}

// The output of the tree during a Stop is read to its end, also long after the leader's
// end.
func TestOutputDuringStop(t *testing.T) {
	t.Parallel()
	ready := newFlag(t)
	p := start(t, `
		trap 'exit 0' TERM
		sh -c 'trap "sleep 0.8; seq 1 20000; exit" TERM; echo > $0; while :; do sleep 0.01; done' $1 &
		wait`, string(ready))
	ready.text(t)
	o, _ := stop(t, p, long)
	want(t, o, runner.Exited, "")
	if o.Stdout.Total != 108894 || o.Leftovers {
		t.Errorf("%d bytes, leftovers %v", o.Stdout.Total, o.Leftovers)
	}
}

// ignores reports whether the process ignores the signal; proc_pid_status(5).
func ignores(t *testing.T, pid int, sig unix.Signal) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(line, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<(uint(sig)-1)) != 0
}

// The left-over processes of a task that ended by itself are left alone, also by a
// Stop that comes too late: before Wait stops reading their output, and after.
func TestStopAfterTheEnd(t *testing.T) {
	child := newFlag(t)
	p := start(t, `sleep 1000 & echo $! > $1`, string(child))
	pid := child.pid(t)
	gordontest.Until(t, "the leader ends", func() bool { return !alive(p.PID()) })
	p.Stop(context.Background(), 0)
	o := p.Wait()
	want(t, o, runner.Exited, "")
	p.Stop(context.Background(), 0)
	if p.Stopped() {
		t.Error("Stopped is true")
	}
	if !alive(pid) {
		t.Error("the child that was left behind is dead")
	}
}

func TestStopWithoutAnyoneWaiting(t *testing.T) {
	p := start(t, `exec sleep 1000`)
	p.Stop(context.Background(), long)
	if alive(p.PID()) {
		t.Error("alive after Stop")
	}
	want(t, p.Wait(), runner.Signaled, "signal: terminated")
}
