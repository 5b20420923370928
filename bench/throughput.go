package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// program is the least that can be run.
const program = "/bin/true"

// throughput is a row of the table: tasks per second in each round.
type throughput struct {
	workers      int
	gordon, bare []float64
	after        memory // of gordon, at the end of all rounds
}

// ratios are gordon's part of the bare rate, round by round: what disturbs the
// machine for a while disturbs both sides of a round.
func (t throughput) ratios() []float64 {
	r := make([]float64, len(t.gordon))
	for i := range r {
		r[i] = t.gordon[i] / t.bare[i]
	}
	return r
}

func (b *bench) throughput(ctx context.Context, workers int) (row throughput, err error) {
	d, err := b.start(ctx, taskTable(taskType, program, workers), 1)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	row.workers = workers
	both := []func() error{
		func() error { return rate(&row.gordon, b.tasks, func() error { return b.drain(ctx, b.tasks) }) },
		func() error {
			return rate(&row.bare, b.tasks, func() error { return bareLoop(b.tasks, workers, program) })
		},
	}
	// One round to warm up; then each side is first in turn.
	if err := errors.Join(b.drain(ctx, workers), bareLoop(workers, workers, program)); err != nil {
		return row, err
	}
	for round := range b.rounds {
		if err := errors.Join(both[round%2](), both[1-round%2]()); err != nil {
			return row, err
		}
	}
	row.after, err = memoryOf(d.cmd.Process.Pid)
	return row, err
}

// rate appends the tasks per second of a run of so many.
func rate(rates *[]float64, tasks int, run func() error) error {
	start := time.Now()
	if err := run(); err != nil {
		return err
	}
	*rates = append(*rates, float64(tasks)/time.Since(start).Seconds())
	return nil
}

// drain pushes so many entries in one command, and returns when gordon has run
// them all and Redis knows.
func (b *bench) drain(ctx context.Context, tasks int) error {
	args := redis.Args{}.Add(queue)
	for range tasks {
		args = args.Add("{}")
	}
	if _, err := b.redis.Do("RPUSH", args...); err != nil {
		return err
	}
	err := until(ctx, "the queue is empty", 5*time.Millisecond, func() (bool, error) {
		left, err := redis.Int(b.redis.Do("LLEN", queue))
		return left == 0, err
	})
	if err != nil {
		return err
	}
	err = until(ctx, "all tasks have ended", time.Millisecond, func() (bool, error) {
		running, err := redis.Strings(b.redis.Do("KEYS", runLists))
		return len(running) == 0, err
	})
	if err != nil {
		return err
	}
	return b.noneFailed()
}

// noneFailed checks that the measured tasks succeeded.
func (b *bench) noneFailed() error {
	failed, err := redis.Strings(b.redis.Do("LRANGE", queue+":failed", 0, 0))
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("a task has failed: %s", failed[0])
	}
	return err
}
