package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// latency is the time from a push, or from a call of os/exec, to the first
// statement of the program that it leads to.
type latency struct {
	gordon, bare []time.Duration
}

// latency measures each push beside a bare start of the same program. Gordon
// waits in Redis whenever it is pushed to.
func (b *bench) latency(ctx context.Context) (l latency, err error) {
	d, err := b.start(ctx, taskTable(taskType, b.stamp, 1), 1)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	clock, err := newClock(filepath.Join(b.dir, "stamps"))
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, clock.close()) }()
	entry, err := json.Marshal(map[string]any{"args": []string{clock.path}})
	if err != nil {
		return l, err
	}
	push := func() error {
		_, err := b.redis.Do("RPUSH", queue, entry)
		return err
	}
	start := func() error { return bare(b.stamp, clock.path) }
	for range b.pushes {
		if err := b.untilIdle(ctx, 1); err != nil {
			return l, err
		}
		if err := errors.Join(clock.measure(&l.gordon, push), b.untilIdle(ctx, 1), clock.measure(&l.bare, start)); err != nil {
			return l, err
		}
	}
	return l, b.noneFailed()
}

// clock takes the times that bench/stamp reports, through a FIFO.
type clock struct {
	path  string
	fifo  *os.File
	lines *bufio.Reader
}

func newClock(path string) (*clock, error) {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("make a FIFO: %w", err)
	}
	// Open for both, so that it neither waits for a writer nor ends with one.
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &clock{path: path, fifo: fifo, lines: bufio.NewReader(fifo)}, nil
}

func (c *clock) close() error { return c.fifo.Close() }

// measure appends the time from now to the start of the program that f leads to.
func (c *clock) measure(times *[]time.Duration, f func() error) error {
	pushed, err := monotonic()
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	if err := c.fifo.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	line, err := c.lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("wait for the program to start: %w", err)
	}
	started, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return err
	}
	*times = append(*times, time.Duration(started)-pushed)
	return nil
}

// monotonic is the time since an arbitrary moment, the same for all processes:
// clock_gettime(2), CLOCK_MONOTONIC. Setting the machine's clock leaves it alone.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}
