package runner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// A child that keeps the streams must not keep Wait, and is left alone. The
// leader ends before and after Gordon begins to watch it through a pidfd.
func TestLeftoverHoldsTheStreams(t *testing.T) {
	for name, pause := range map[string]string{"at once": "0", "later": "0.1"} {
		t.Run(name, func(t *testing.T) {
			child := newFlag(t)
			p := start(t, `sleep 1000 & echo $! > `+string(child)+`; sleep `+pause+`; echo done; exit 3`)
			o := p.Wait()
			over := time.Since(p.StartedAt()) - o.Wall
			want(t, o, runner.Exited, "exit status 3")
			if !o.Leftovers || string(o.Stdout.Tail) != "done\n" {
				t.Errorf("leftovers %v, stdout %q", o.Leftovers, o.Stdout.Tail)
			}
			if over < runner.WaitDelay-time.Second/10 || over > runner.WaitDelay+patience/2 {
				t.Errorf("Wait returned %v after the end, want about %v", over, runner.WaitDelay)
			}
			if !alive(child.pid(t)) {
				t.Error("the child that was left behind is dead")
			}
		})
	}
}

// One that never stops printing must not keep Wait either.
func TestNoisyLeftover(t *testing.T) {
	child := newFlag(t)
	o := run(t, `yes noise & echo $! > `+string(child)+`; exit 0`)
	want(t, o, runner.Exited, "")
	if !o.Leftovers || o.Stdout.Total == 0 {
		t.Errorf("leftovers %v, %d bytes", o.Leftovers, o.Stdout.Total)
	}
}

// A child that closes the streams soon is waited for, and what it prints counts.
func TestChildThatIsSoonDone(t *testing.T) {
	o := run(t, `(sleep 0.1; echo late) & exit 0`)
	want(t, o, runner.Exited, "")
	if o.Leftovers || string(o.Stdout.Tail) != "late\n" {
		t.Errorf("leftovers %v, stdout %q", o.Leftovers, o.Stdout.Tail)
	}
	if o.Wall > 90*time.Millisecond {
		t.Errorf("wall time %v includes the child's", o.Wall)
	}
}

// A child without the streams is nobody's business.
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

// Everything that the leader wrote is in the outcome, although it wrote a whole
// pipe full at the very end and someone else still holds the pipe.
func TestLeaderOutputIsComplete(t *testing.T) {
	o := run(t, `sleep 1000 & head -c 65536 /dev/zero | tr '\0' x`)
	want(t, o, runner.Exited, "")
	if o.Stdout.Total != 65536 || strings.Trim(string(o.Stdout.Tail), "x") != "" {
		t.Errorf("%d bytes", o.Stdout.Total)
	}
}
