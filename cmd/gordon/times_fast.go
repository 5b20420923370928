//go:build fasttimes

package main

import (
	"os"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// times are those of tests that have to wait for a lease; nothing that ships is built
// with this file.
func times() taskqueue.Times {
	lease, err := time.ParseDuration(os.Getenv("GORDON_TEST_LEASE"))
	if err != nil {
		lease = 6 * time.Second
	}
	return taskqueue.Times{Lease: lease, IO: lease / 6, Block: lease / 3, Ping: lease / 3, Look: 2 * lease}
}
