package runner_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/runner"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// fds lists the descriptors of this process, without the one for the list.
func fds(t *testing.T) []int {
	t.Helper()
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		if fd != int(dir.Fd()) {
			list = append(list, fd)
		}
	}
	return list
}

func descriptors(t *testing.T) int { return len(fds(t)) }

func highest(t *testing.T) int {
	top := 0
	for _, fd := range fds(t) {
		top = max(top, fd)
	}
	return top
}

// zombies counts the children of this process that were not waited for.
func zombies(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if st, err := host.ReadStat(pid); err == nil && st.PPID == os.Getpid() && st.State == 'Z' {
			n++
		}
	}
	return n
}

// 200 tasks of every kind leave no descriptor, no zombie and (TestMain) no
// goroutine behind.
func TestNothingIsLeft(t *testing.T) {
	run(t, "exit 0") // whatever the runtime opens once
	before := descriptors(t)
	bodies := []string{
		"exit 0", "exit 3", "kill -KILL $$", "echo x; echo y >&2", "exec >&- 2>&-", "head -c 200000 /dev/zero", "exec sleep 1000",
		"setsid sleep 1000 >/dev/null 2>&1 & wait",
	}
	var paths []string
	for _, body := range bodies {
		paths = append(paths, script(t, body))
	}
	tasks := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range tasks {
				oneOfMany(t, paths[i%len(paths)], strconv.Itoa(i))
			}
		})
	}
	for i := range 200 {
		tasks <- i
	}
	close(tasks)
	wg.Wait()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
	if n := zombies(t); n != 0 {
		t.Errorf("%d zombies", n)
	}
}

// oneOfMany runs a script to its end, or stops it if it has none.
func oneOfMany(t *testing.T, path, id string) {
	marker := t.Name() + id
	p, err := runner.Start(runner.Spec{Path: path, Env: []string{"PATH=/usr/bin:/bin", taskenv.TaskID + "=" + marker}, Marker: marker})
	if err != nil {
		t.Error(err)
		return
	}
	var wg sync.WaitGroup
	if i, _ := strconv.Atoi(id); i%8 >= 6 {
		wg.Go(func() { p.Stop(context.Background(), 0) })
	}
	if o := p.Wait(); o.Err != nil {
		t.Error(o.Err)
	}
	wg.Wait()
}
