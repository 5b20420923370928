package main

import (
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
)

// tailSize is how many bytes of each stream gordon keeps.
const tailSize = 64 << 10

// tail keeps the last bytes that were written to it.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	p = p[max(0, n-tailSize):]
	if over := len(t.kept) + len(p) - tailSize; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, p...)
	return n, nil
}

// bare runs a program as one would without gordon, with what gordon promises:
// both streams captured, bounded; empty standard input; a session.
func bare(path string, args ...string) error {
	cmd := exec.Command(path, args...) //nolint:noctx // there is nothing to cancel, as in gordon
	cmd.Env = append(os.Environ(), "GORDON_TASK_TYPE="+taskType, "GORDON_TASK_ID=bench", "GORDON_ATTEMPT=1")
	cmd.Stdout, cmd.Stderr = &tail{}, &tail{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Run()
}

// bareLoop runs a program so many times, so many at once, and returns the first
// error.
func bareLoop(tasks, workers int, path string) error {
	var left atomic.Int64
	left.Store(int64(tasks))
	errs := make(chan error, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := bare(path); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
