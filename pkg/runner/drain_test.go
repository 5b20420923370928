package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// newDrain returns a drain that ends with the test.
func newDrain(t *testing.T) *runner.Drain {
	t.Helper()
	d, err := runner.NewDrain(func(int) { t.Error("the drain is full") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// waiting is a child that waits for the FIFO $1, then writes to both streams and
// notes the exit status of that in the file $2. It is at rest when the leader ends.
const waiting = `sh -c 'read x <"$1"; echo late && echo late >&2; echo $? >"$2"; exec >&- 2>&-' x "$1" "$2" & exit 0`

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// release lets n processes go on that wait for a FIFO.
func release(t *testing.T, path string, n int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for another process
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := file.WriteString("\n"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { file.Close() })
}

// A left-over process writes long after the end of its task. It goes on, and
// its output does not count. The descriptors are closed after its end.
func TestLeftoverWritesToItsStreams(t *testing.T) {
	d := newDrain(t)
	before := descriptors(t)
	wait, done := fifo(t), newFlag(t)
	s := spec(t, waiting, wait, string(done))
	s.Drain = d
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	o := p.Wait()
	if want(t, o, runner.Exited, ""); !o.Leftovers || o.Stdout.Total+o.Stderr.Total != 0 {
		t.Errorf("leftovers %v, printed %q and %q", o.Leftovers, o.Stdout.Tail, o.Stderr.Tail)
	}
	if n := d.Kept(); n != 2 {
		t.Errorf("%d streams are kept", n)
	}
	release(t, wait, 1)
	if got := done.text(t); got != "0" {
		t.Errorf("writing ended with %s", got)
	}
	gordontest.Until(t, "no stream is kept", func() bool { return d.Kept() == 0 })
	if after := descriptors(t) - 1; after != before { // less the FIFO's
		t.Errorf("%d descriptors became %d", before, after)
	}
}

// Each left-over process costs the two descriptors of its streams while it lives, and no
// goroutine.
func TestManyLeftoversCostNoGoroutine(t *testing.T) {
	d := newDrain(t)
	run(t, "exit 0") // whatever the runtime opens once
	descriptorsBefore, goroutines := descriptors(t), runtime.NumGoroutine()
	wait, dir := fifo(t), t.TempDir()
	const tasks = 50
	path := script(t, waiting)
	var wg sync.WaitGroup
	for n := range tasks {
		p, err := runner.Start(runner.Spec{Path: path, Args: []string{wait, filepath.Join(dir, strconv.Itoa(n))}, Env: os.Environ(), Drain: d})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { p.Wait() })
	}
	wg.Wait()
	if n := d.Kept(); n != 2*tasks {
		t.Errorf("%d streams are kept, want %d", n, 2*tasks)
	}
	if n := descriptors(t) - descriptorsBefore; n != 2*tasks {
		t.Errorf("%d descriptors more, want %d", n, 2*tasks)
	}
	gordontest.Until(t, "there are no more goroutines than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	release(t, wait, tasks)
	gordontest.Until(t, "no stream is kept", func() bool { return d.Kept() == 0 })
	for n := range tasks {
		if raw, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(n))); string(raw) != "0\n" {
			t.Errorf("task %d: writing ended with %q", n, raw)
		}
	}
}

// After Close a left-over process has no reader.
func TestLeftoverAfterTheDrainIsClosed(t *testing.T) {
	d := newDrain(t)
	wait, done := fifo(t), newFlag(t)
	s := spec(t, `sh -c 'trap "" PIPE; read x <"$1"; echo late; echo $? >"$2"' x "$1" "$2" & exit 0`, wait, string(done))
	s.Drain = d
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	d.Close()
	d.Close()
	release(t, wait, 1)
	if got := done.text(t); got == "0" {
		t.Error("somebody has read")
	}
}

// With KillLeftovers, a process that prints much when it receives SIGTERM has a reader, and
// can end.
func TestLeftoverPrintsWhileItIsEnded(t *testing.T) {
	t.Parallel()
	s := spec(t, `sh -c 'trap "head -c 300000 /dev/zero; echo end >\"\$1\"; exit" TERM; echo >"$2"; while :; do sleep 0.01; done' x "$1" "$2" & while ! [ -s "$2" ]; do sleep 0.01; done`,
		string(newFlag(t)), string(newFlag(t)))
	s.Drain, s.KillLeftovers, s.LeftoverGrace = newDrain(t), true, patience
	p, err := runner.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
	if raw, _ := os.ReadFile(s.Args[0]); string(raw) != "end\n" {
		t.Errorf("it noted %q", raw)
	}
}

func ExampleNewDrain() {
	drain, err := runner.NewDrain(func(kept int) { fmt.Println("too many left-over processes:", kept) })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer drain.Close()
	p, err := runner.Start(runner.Spec{
		Path: "/bin/sh", Args: []string{"-c", "sleep 1 && echo never seen & echo done"}, Env: []string{"PATH=/usr/bin:/bin"}, Drain: drain,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	o := p.Wait()
	fmt.Printf("%s%v %d", o.Stdout.Tail, o.Leftovers, drain.Kept())
	// Output:
	// done
	// true 2
}
