// Package daemontest runs the real binary as a process, on a real Redis: what
// has to hold when processes die, signals come and Redis goes away.
package daemontest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	binary string
	// shipped builds gordon as the packages ship it, when a test needs it.
	shipped func() (string, error)
)

func TestMain(m *testing.M) {
	if errno := os.Getenv(refuseEnv); errno != "" {
		fmt.Fprintln(os.Stderr, execRefused(errno, os.Getenv(refuseBinary)))
		os.Exit(1)
	}
	if program := os.Getenv(limitedBinary); program != "" {
		fmt.Fprintln(os.Stderr, execLimited(program))
		os.Exit(1)
	}
	flag.Parse()
	built, remove, err := gordontest.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = built
	shipped = sync.OnceValues(func() (string, error) { return gordontest.BuildShipped(filepath.Dir(built)) })
	// Most tests wait most of the time.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	remove()
	os.Exit(code)
}

// site is a folder for a gordon with a Redis of its own.
type site struct {
	*gordontest.Site
	server *redistest.Server
}

func newSite(t *testing.T) *site {
	t.Helper()
	server := redistest.New(t)
	return &site{gordontest.NewSite(t, binary, gordontest.Unix(server.Socket)), server}
}

// shippedBinary is gordon as the packages ship it.
func shippedBinary(t *testing.T) string {
	t.Helper()
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// leftInRedis lists all keys that a daemon which has ended must not leave.
func leftInRedis(t *testing.T, s *redistest.Server) []string {
	t.Helper()
	return s.Keys(t, "q:*")
}
