//go:build fasttimes

package daemon

import (
	"os"
	"time"

	"github.com/nevsnode/gordon/v2/pkg/store"
)

// leaseEnv is the lease of a test, as a duration. No manual page has it: no gordon that
// ships reads it.
const leaseEnv = "GORDON_TEST_LEASE"

// times are those of tests that have to wait for a lease; nothing that ships is built
// with this file.
func times() store.Times {
	lease, err := time.ParseDuration(os.Getenv(leaseEnv))
	if err != nil {
		lease = 6 * time.Second
	}
	return store.Times{Lease: lease, IO: lease / 6, Block: lease / 3, Ping: lease / 3, Look: 2 * lease}
}
