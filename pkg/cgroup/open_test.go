//go:build !vm

package cgroup

import (
	"errors"
	"testing"
)

// The tests run beside go test, in a group that is not delegated to them.
func TestOpenTakesNothingThatIsNotOurs(t *testing.T) {
	before := read(t, "/proc/self", "cgroup")
	tree, err := Open()
	if tree != nil || !errors.Is(err, ErrNone) || err.Error() == ErrNone.Error() {
		t.Errorf("got %v, %v", tree, err)
	}
	if after := read(t, "/proc/self", "cgroup"); after != before {
		t.Errorf("moved from %q to %q", before, after)
	}
}
