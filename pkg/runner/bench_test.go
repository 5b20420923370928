package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// atConcurrency runs one b.N times over, from so many goroutines at once.
func atConcurrency(b *testing.B, one func() error) {
	for _, workers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var wg sync.WaitGroup
			turns := make(chan struct{}, b.N)
			for range b.N {
				turns <- struct{}{}
			}
			close(turns)
			b.ReportAllocs()
			b.ResetTimer()
			for range workers {
				wg.Go(func() {
					for range turns {
						if err := one(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

func BenchmarkRunTrue(b *testing.B) {
	env := os.Environ()
	atConcurrency(b, func() error {
		p, err := runner.Start(runner.Spec{Path: "/bin/true", Env: env})
		if err != nil {
			return err
		}
		if out := p.Wait(); !out.Success() {
			return fmt.Errorf("%s", out.Reason())
		}
		return nil
	})
}

// BenchmarkBareExec is what BenchmarkRunTrue is held against: os/exec with the
// same capture and the same process group.
func BenchmarkBareExec(b *testing.B) {
	env := os.Environ()
	atConcurrency(b, func() error {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("/bin/true")
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return cmd.Run()
	})
}
