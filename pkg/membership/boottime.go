package membership

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is the time since the boot, including suspends (CLOCK_BOOTTIME,
// clock_gettime(2)). The clocks of package time do not advance in a suspend; a lease
// does.
func bootTime() time.Duration {
	var now unix.Timespec
	// It fails for clocks that the kernel does not know; this one is as old as Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano())
}

// bootTicker sends every interval of [bootTime], and at once after a suspend or a
// SIGSTOP in which one has passed, until ctx ends. If the system has no timer left (too
// many open files), it uses the clock of package time, and a suspend is noticed up to one
// interval later: no lease would be renewed otherwise.
func bootTicker(ctx context.Context, interval time.Duration) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	wait := sleeper(ctx, interval)
	if timer, err := timerfd(interval); err == nil {
		wait = reader(ctx, timer)
	}
	go func() {
		for wait() == nil {
			select {
			case ticks <- struct{}{}:
			default: // one is on its way
			}
		}
	}()
	return ticks
}

// timerfd makes a timer of [bootTime] that is read (timerfd_create(2)).
func timerfd(interval time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd")
	spec := unix.NsecToTimespec(interval.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd_settime: %w", err), timer.Close())
	}
	return timer, nil
}

// reader returns a function that waits for a timer to expire. The end of ctx closes the
// timer, and so ends a wait.
func reader(ctx context.Context, timer *os.File) func() error {
	context.AfterFunc(ctx, func() { _ = timer.Close() })
	expirations := make([]byte, 8)
	return func() error {
		_, err := timer.Read(expirations)
		return err
	}
}

// sleeper returns a function that waits for an interval, or the end of ctx.
func sleeper(ctx context.Context, interval time.Duration) func() error {
	return func() error {
		timer := time.NewTimer(interval)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
