// Package daemontest runs the real binary as a process, on a real Redis: what
// has to hold when processes die, signals come and Redis goes away.
package daemontest

import (
	"fmt"
	"os"
	"testing"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

var (
	binary string
	server *redistest.Server
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
	built, remove, err := gordontest.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = built
	code := redistest.Main(m, func(s *redistest.Server) { server = s })
	remove()
	os.Exit(code)
}

// newSite is a folder for a gordon that uses the server of all tests, empty.
func newSite(t *testing.T) *gordontest.Site {
	t.Helper()
	server.Flush(t)
	return gordontest.NewSite(t, binary, gordontest.Unix(server.Socket))
}

// leftInRedis lists all keys that a daemon which has ended must not leave.
func leftInRedis(t *testing.T, s *redistest.Server) []string {
	t.Helper()
	return s.Keys(t, "q:*")
}
