package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/capacity"
	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/runner"
)

// spawnTrue runs /bin/true to its end with this package.
func spawnTrue(env []string) error {
	p, err := runner.Start(runner.Spec{Path: "/bin/true", Env: env})
	if err != nil {
		return err
	}
	if reason := p.Wait().Reason(); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// execTrue does the same with os/exec, for comparison.
func execTrue(env []string) error {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("/bin/true")
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Run()
}

// spread calls one n times in all, from several goroutines at once.
func spread(tb testing.TB, n, workers int, one func([]string) error) time.Duration {
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	env := os.Environ()
	began := time.Now()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range turns {
				if err := one(env); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

func atConcurrency(b *testing.B, f func(b *testing.B, workers int)) {
	for _, workers := range []int{1, 2, 4, 16, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { f(b, workers) })
	}
}

func BenchmarkRunTrue(b *testing.B) {
	atConcurrency(b, func(b *testing.B, workers int) {
		b.ReportAllocs()
		b.ReportMetric(float64(b.N)/spread(b, b.N, workers, spawnTrue).Seconds(), "tasks/s")
	})
}

func BenchmarkBareExec(b *testing.B) {
	atConcurrency(b, func(b *testing.B, workers int) {
		b.ReportAllocs()
		b.ReportMetric(float64(b.N)/spread(b, b.N, workers, execTrue).Seconds(), "tasks/s")
	})
}

// BenchmarkRunAgainstExec alternates between both, so that other load on the
// machine affects both: one operation is one task of each. A ratio
// over 1 means that this package is faster.
func BenchmarkRunAgainstExec(b *testing.B) {
	const slice = 100
	atConcurrency(b, func(b *testing.B, workers int) {
		var ours, bare time.Duration
		for left := b.N; left > 0; left -= slice {
			n := min(left, slice)
			ours += spread(b, n, workers, spawnTrue)
			bare += spread(b, n, workers, execTrue)
		}
		b.ReportMetric(float64(b.N)/ours.Seconds(), "tasks/s")
		b.ReportMetric(float64(b.N)/bare.Seconds(), "exec-tasks/s")
		b.ReportMetric(bare.Seconds()/ours.Seconds(), "ratio")
	})
}

// BenchmarkAttributes measures the cost of a thread for a start, and of a file for the
// standard input.
func BenchmarkAttributes(b *testing.B) {
	gate := runner.NewGate()
	defer gate.Close()
	for name, spec := range map[string]runner.Spec{
		"none":  {},
		"nice":  {Attributes: privilege.Attributes{Nice: new(5)}},
		"score": {Attributes: privilege.Attributes{OOMScoreAdj: new(500)}},
		"all":   {Attributes: privilege.Attributes{Dir: "/", Umask: new(0o77), Nice: new(5), OOMScoreAdj: new(500)}},
		"stdin": {Stdin: []byte(`{"args":["a"]}`)},
		"1 MiB": {Stdin: make([]byte, 1<<20)},
	} {
		b.Run(name, func(b *testing.B) {
			spec.Path, spec.Gate = "/bin/true", gate
			for range b.N {
				p, err := runner.Start(spec)
				if err != nil {
					b.Fatal(err)
				}
				p.Wait()
			}
		})
	}
}

// BenchmarkReserve measures the search for room at each start, and the count of threads at
// each start with attributes.
func BenchmarkReserve(b *testing.B) {
	r, err := capacity.NewReserve()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for name, a := range map[string]privilege.Attributes{"plain": {}, "attributes": {Umask: new(0o77)}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := r.Ready(a.NeedsOwnThread()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
