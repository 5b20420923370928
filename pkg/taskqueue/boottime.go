package taskqueue

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is the time since the boot, with that of suspends (CLOCK_BOOTTIME,
// clock_gettime(2)). The clocks of package time stand still in a suspend, and a lease
// does not.
func bootTime() time.Duration {
	var now unix.Timespec
	// It fails for clocks that the kernel does not know; this one is as old as Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano())
}

// bootTicker sends every interval of [bootTime], and at once after a suspend or a
// SIGSTOP in which one has passed, until ctx ends.
func bootTicker(ctx context.Context, interval time.Duration) (<-chan struct{}, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	spec := unix.NsecToTimespec(interval.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil); err != nil {
		return nil, fmt.Errorf("timerfd_settime: %w", err)
	}
	ticks := make(chan struct{}, 1)
	stop := context.AfterFunc(ctx, func() { _ = file.Close() }) // which ends the Read
	go func() {
		defer stop()
		for expirations := make([]byte, 8); ; { // read(2) of a timerfd, timerfd_create(2)
			if _, err := file.Read(expirations); err != nil {
				return
			}
			select {
			case ticks <- struct{}{}:
			default: // one is on its way
			}
		}
	}()
	return ticks, nil
}
