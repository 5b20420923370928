package runner_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// threadIDs returns the ids of the threads of this process.
func threadIDs(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, e := range entries {
		ids[e.Name()] = true
	}
	return ids
}

func newReserve(t *testing.T) *capacity.Reserve {
	t.Helper()
	r, err := capacity.NewReserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// With a Reserve, starts and ends of tasks make no thread.
func TestStartsMakeNoThread(t *testing.T) {
	r := newReserve(t)
	before := threadIDs(t)
	path := script(t, "exit 0")
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 5 {
				p, err := runner.Start(runner.Spec{Path: path, Env: os.Environ(), Reserve: r})
				if err != nil {
					t.Error(err)
					return
				}
				p.Wait()
			}
		})
	}
	wg.Wait()
	for id := range threadIDs(t) {
		if !before[id] {
			t.Errorf("thread %s is new", id)
		}
	}
}

// A task with attributes uses up a thread, and the reserve replaces it.
func TestAttributesUseUpNoReserve(t *testing.T) {
	r := newReserve(t)
	const spare = 40 // besides one for each CPU
	full := len(threadIDs(t))
	s := spec(t, "exit 0")
	s.Umask, s.Reserve = new(0o77), r
	for range full + 20 {
		p, err := runner.Start(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Wait()
	}
	if err := r.Fill(); err != nil {
		t.Fatal(err)
	}
	if n := len(threadIDs(t)); n < runtime.NumCPU()+spare || n > full+10 {
		t.Errorf("%d threads became %d", full, n)
	}
}

// A task that has closed its streams and goes on keeps no thread.
func TestTaskWithoutStreamsKeepsNoThread(t *testing.T) {
	newReserve(t)
	before := threadIDs(t)
	dir := t.TempDir()
	const tasks = 100
	var wg sync.WaitGroup
	defer wg.Wait()
	for n := range tasks {
		p := start(t, `exec >&- 2>&-; echo >"$1"; exec sleep 1000`, filepath.Join(dir, strconv.Itoa(n)))
		wg.Go(func() { p.Wait() })
		defer func() { _ = unix.Kill(p.PID(), unix.SIGKILL) }()
	}
	for n := range tasks {
		flag(filepath.Join(dir, strconv.Itoa(n))).text(t)
	}
	for id := range threadIDs(t) {
		if !before[id] {
			t.Errorf("thread %s is new", id)
		}
	}
}

// roomLimit is the limit of processes of the user of TestStartWithoutRoom.
const roomLimit = 100

// roomFound is the result of startsWhileThereIsRoom.
type roomFound struct {
	Threads, Started int
	Error            string
	Transient        bool
	// WithAttributes is the error of a start that needs a thread.
	WithAttributes string
}

// startsWhileThereIsRoom starts tasks that do not end until one cannot be started.
func startsWhileThereIsRoom() (f roomFound) {
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: roomLimit, Max: roomLimit}); err != nil {
		panic(err)
	}
	r, err := capacity.NewReserve()
	if err != nil {
		panic(err)
	}
	defer r.Close()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		panic(err)
	}
	f.Threads = len(entries)
	s := sh("exec sleep 1000", privilege.Attributes{})
	s.Reserve = r
	var all []*runner.Process
	for len(all) < 2*roomLimit {
		p, err := runner.Start(s)
		if err != nil {
			f.Error, f.Transient = err.Error(), runner.Transient(err)
			break
		}
		all = append(all, p)
	}
	f.Started = len(all)
	s.Umask = new(0o77)
	for range f.Threads {
		if p, err := runner.Start(s); err == nil {
			all = append(all, p)
		} else {
			f.WithAttributes = err.Error()
		}
	}
	for _, p := range all {
		_ = unix.Kill(p.PID(), unix.SIGKILL)
		p.Wait()
	}
	return f
}

// Without room for the process and a few more, a start fails before it tries anything, and
// may be tried again.
func TestStartWithoutRoom(t *testing.T) {
	var f roomFound
	asDaemon(t, "room", nil, &f)
	if free := roomLimit - f.Threads - f.Started; free < 2 || free > roomLimit/4 {
		t.Errorf("%d threads and %d processes of %d", f.Threads, f.Started, roomLimit)
	}
	for _, err := range []string{f.Error, f.WithAttributes} {
		if !strings.Contains(err, "cannot start a process: resource temporarily unavailable (the user has ") || !strings.Contains(err, "of 100 tasks (ulimit -u)") {
			t.Errorf("error is %q", err)
		}
	}
	if !f.Transient {
		t.Error("it is not worth another try")
	}
}
