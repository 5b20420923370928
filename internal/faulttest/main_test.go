// Package faulttest shows what gordon does when Redis fails: the real binary, a
// real redis-server, and one fault after the other. docs/reliability.md has the
// table; each line of it names the test here that shows it.
package faulttest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

var (
	stopFor = flag.Duration("fault.stop", 8*time.Second, "how long TestRestarts/stopped has redis-server stopped (SIGSTOP)")
	slowFor = flag.Duration("fault.slow", 8*time.Second, "how long an entry takes in TestSlowLink, each way")
	given   = flag.String("fault.gordon", "", "test this gordon rather than a new build")
	tasks   = flag.Int("fault.tasks", 500, "how many tasks TestNothingPilesUp runs")
)

var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests that run in parallel wait most of the time.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	remove := func() {}
	if binary = *given; binary == "" {
		var err error
		if binary, remove, err = gordontest.BuildFast(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	remove()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
