package membership

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Without a descriptor to spare, leases are renewed all the same.
func TestBootTicker(t *testing.T) {
	for name, files := range map[string]uint64{"a timer": 0, "no timer": 3} {
		t.Run(name, func(t *testing.T) {
			var before unix.Rlimit
			if files > 0 {
				check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
				few := before
				few.Cur = files
				check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			const interval = 20 * time.Millisecond
			began := bootTime()
			ticks := bootTicker(ctx, interval)
			_, err := timerfd(interval)
			if files > 0 {
				check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
			}
			if (err != nil) != (files > 0) {
				t.Fatalf("a timer: %v", err)
			}
			for range 3 {
				<-ticks
			}
			if d := bootTime() - began; d < 3*interval {
				t.Errorf("three ticks within %v", d)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
