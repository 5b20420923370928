package taskenv

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestTotalLimit(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &old); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &old); err != nil {
			t.Error(err)
		}
	}()
	for stack, limit := range map[uint64]uint64{256 << 10: 128 << 10, 8 << 20: 2 << 20, 64 << 20: 6 << 20} {
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &unix.Rlimit{Cur: stack, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		if got := totalLimit(); got != limit {
			t.Errorf("stack of %d: limit %d, want %d", stack, got, limit)
		}
	}
}
