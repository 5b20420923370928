package daemontest

import (
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

// strike sends sig to gordon and to the tasks that run, as "systemctl kill" does; in
// which order is not said there.
func strike(t *testing.T, s *site, d *gordontest.Daemon, sig syscall.Signal, daemonFirst bool) {
	t.Helper()
	if daemonFirst {
		d.Signal(sig)
	}
	for _, text := range s.Lines("pids") {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	if !daemonFirst {
		d.Signal(sig)
	}
}

// A signal to all processes of the service costs no task: those that end by it run
// again, after a reload or a new start.
func TestSignalToTheWholeServiceLosesNothing(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		for _, daemonFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, daemon first %v", unix.SignalName(sig), daemonFirst), func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				s.Script("T", `echo $$ >>"$D/pids"; `+stays)
				s.Configure(s.Task("T", 8))
				var entries []string
				for n := range 12 {
					entries = append(entries, gordontest.Numbered(n))
				}
				s.server.Push(t, "q:T", entries...)
				d := s.Start()
				gordontest.Until(t, "eight run", func() bool { return len(s.Lines("started")) == 8 })
				strike(t, s, d, sig, daemonFirst)
				if sig == unix.SIGHUP {
					d.Says("reloaded")
				} else {
					if code := d.Exit(); code != 0 {
						t.Errorf("exit code %d", code)
					}
					if diff := cmp.Diff(entries, s.server.List(t, "q:T")); diff != "" {
						t.Errorf("the queue: %s", diff)
					}
					d = s.Start()
				}
				gordontest.Until(t, "eight run again", func() bool { return len(s.Lines("started")) >= 16 })
				s.Write("go", "")
				gordontest.Until(t, "all are done", func() bool { return len(s.Lines("done")) >= 12 })
				d.Stop()
				done := s.Lines("done")
				slices.Sort(done)
				if want := []string{"0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"}; !slices.Equal(want, done) {
					t.Errorf("done: %v", done)
				}
				if left := leftInRedis(t, s.server); len(left) > 0 {
					t.Errorf("left in redis: %v", left)
				}
			})
		}
	}
}
