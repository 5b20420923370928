package membership

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nevsnode/gordon/v2/pkg/host"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// NewInstance returns the record of a new instance of this process, without types.
func NewInstance(self Identity, version string) store.Instance {
	nonce := make([]byte, 4)
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return store.Instance{
		ID:       strings.Map(idRune, self.Hostname) + "-" + hex.EncodeToString(nonce),
		Identity: self, Version: version, Types: make(map[string]store.InstanceType),
	}
}

// idRune replaces the characters that an id must not contain: the kernel accepts any
// name of a host.
func idRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
		return r
	}
	return '_'
}

// complete matches an id that ends with its nonce. A record with a shorter id, which
// anybody may have written, could be the beginning of the id of a living instance, and
// have its tasks killed.
var complete = regexp.MustCompile(`-[0-9a-f]{8}$`)

// TaskID names a run: it is GORDON_TASK_ID, by which the processes of the run are found.
func TaskID(instance, taskType string, number uint64) string {
	return instance + "." + taskType + "." + strconv.FormatUint(number, 10)
}

// Identity is a process on a machine.
type Identity = host.Identity

// Self returns the identity of this process.
func Self() (Identity, error) {
	self, err := host.Self()
	if err != nil {
		return self, fmt.Errorf("identify this machine: %w", err)
	}
	return self, nil
}
