package runner_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/proctree"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// markerOf returns the marker that spec gives to this test's tasks.
func markerOf(t *testing.T) string {
	t.Helper()
	return spec(t, "").Marker
}

// marked starts a script with the marker; a goroutine waits for its end.
func marked(t *testing.T, marker, body string, args ...string) *runner.Process {
	t.Helper()
	env, err := taskenv.Build(os.Environ(), nil, []string{taskenv.TaskID + "=" + marker}, taskenv.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := runner.Start(runner.Spec{Path: script(t, body), Args: args, Env: env, Marker: marker})
	if err != nil {
		t.Fatal(err)
	}
	go p.Wait()
	t.Cleanup(func() {
		p.Stop(context.Background(), 0)
		p.Wait()
	})
	return p
}

func TestKillMarked(t *testing.T) {
	base := markerOf(t)
	double, ignoring, stopped := newFlag(t), newFlag(t), newFlag(t)
	tasks := []*runner.Process{
		marked(t, base+".dead.1", `exec sleep 1000`),
		marked(t, base+".dead.2", `(setsid sh -c 'echo $$ > $0; exec sleep 1000' $1 &); exit 0`, string(double)),
		marked(t, base+".dead.3", `trap '' TERM INT HUP; echo $$ > $1; exec sleep 1000`, string(ignoring)),
		marked(t, base+".dead.4", `echo $$ > $1; kill -STOP $$`, string(stopped)),
	}
	other := marked(t, base+".alive.1", `exec sleep 1000`)
	orphan := double.pid(t)
	ignoring.pid(t)
	stopped.pid(t)
	tasks[1].Wait() // and with it all but the orphan

	var seen []string
	killed, err := proctree.KillMarked(t.Context(), func(m string) bool {
		seen = append(seen, m)
		return strings.HasPrefix(m, base+".dead.")
	})
	if err != nil {
		t.Fatal(err)
	}
	if killed != 4 {
		t.Errorf("killed %d processes", killed)
	}
	for _, p := range tasks {
		if alive(p.PID()) {
			t.Errorf("process %d is alive", p.PID())
		}
	}
	if alive(orphan) {
		t.Error("the orphan in its own session is alive")
	}
	if !alive(other.PID()) {
		t.Error("the process with another marker is dead")
	}
	if !strings.Contains(strings.Join(seen, " "), base+".alive.1") {
		t.Error("match was not asked about the process with another marker")
	}
}

func TestKillMarkedFindsNothing(t *testing.T) {
	killed, err := proctree.KillMarked(t.Context(), func(m string) bool { return m == markerOf(t) })
	if killed != 0 || err != nil {
		t.Errorf("killed %d, %v", killed, err)
	}
}

// After the end of its context, KillMarked still kills the processes that it finds, and
// reports that it did not wait for their end.
func TestKillMarkedIsBounded(t *testing.T) {
	marker := markerOf(t)
	p := marked(t, marker, `exec sleep 1000`)
	gordontest.Until(t, "the script runs", func() bool {
		comm, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "comm"))
		return string(comm) == "sleep\n"
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	killed, err := proctree.KillMarked(ctx, func(m string) bool { return m == marker })
	if killed != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("killed %d, %v", killed, err)
	}
	want(t, p.Wait(), runner.Signaled, "signal: killed")
}

// A daemon that was itself started by a task carries that task's marker, and
// must not shoot itself. The helper matches its own marker.
func TestKillMarkedSparesItself(t *testing.T) {
	marker := markerOf(t)
	victim := marked(t, marker, `exec sleep 1000`)
	env, err := taskenv.Build(os.Environ(), map[string]string{helperVar: "killmarked"},
		[]string{taskenv.TaskID + "=" + marker}, taskenv.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := runner.Start(runner.Spec{Path: exe, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	o := p.Wait()
	want(t, o, runner.Exited, "")
	if diff := cmp.Diff("1 <nil>\n", string(o.Stdout.Tail)); diff != "" {
		t.Error(diff)
	}
	want(t, victim.Wait(), runner.Signaled, "signal: killed")
}
