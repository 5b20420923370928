package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// idleTypes is how many types the idle daemon has.
const idleTypes = 3

// idle is what a daemon costs that has nothing to do, and one to which entries were
// given that are due next year.
type idle struct {
	without, with idleSide
	delayed       int // how many entries
}

// idleSide is the cost of one of them.
type idleSide struct {
	memory   memory
	watched  time.Duration
	cpu      time.Duration // used in that time, by all threads
	switches int64         // of context in that time, by all threads
	commands map[string]int64
}

// idle watches a daemon without entries for later and one with them at the same
// time, each with a Redis of its own: what else the machine does disturbs both.
func (b *bench) idle(ctx context.Context) (i idle, err error) {
	i.delayed = b.delayed
	other, err := newBench(ctx, b.plan)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, other.close()) }()
	if err := other.fillDelayed(ctx); err != nil {
		return i, fmt.Errorf("add entries for later: %w", err)
	}
	sides := []struct {
		on     *bench
		to     *idleSide
		before look
		pid    int
	}{{on: b, to: &i.without}, {on: other, to: &i.with}}
	for n := range sides {
		d, err := sides[n].on.start(ctx, taskTable("a", program, 1)+taskTable("b", program, 1)+taskTable("c", program, 1), idleTypes)
		if err != nil {
			return i, err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		sides[n].pid = d.cmd.Process.Pid
	}
	// The end of the start is not part of it.
	if err := rest(ctx, min(b.plan.idle, 2*time.Second)); err != nil {
		return i, err
	}
	for n, s := range sides {
		if sides[n].before, err = s.on.look(s.pid); err != nil {
			return i, err
		}
	}
	if err := rest(ctx, b.plan.idle); err != nil {
		return i, err
	}
	for _, s := range sides {
		after, err := s.on.look(s.pid)
		if err != nil {
			return i, err
		}
		*s.to = s.before.until(after)
		if s.to.memory, err = memoryOf(s.pid); err != nil {
			return i, err
		}
	}
	return i, nil
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delayedBatch is how many entries go with one ZADD.
const delayedBatch = 1000

// fillDelayed gives the first of the idle types entries that are due next year.
func (b *bench) fillDelayed(ctx context.Context) error {
	due := time.Now().AddDate(1, 0, 0).UnixMilli()
	for first := 0; first < b.delayed; first += delayedBatch {
		args := redis.Args{}.Add(queueKey + ":a:delayed")
		for n := first; n < min(first+delayedBatch, b.delayed); n++ {
			args = args.Add(due+int64(n), fmt.Sprintf(`{"args":["%d"]}`, n))
		}
		if _, err := b.redis.Do("ZADD", args...); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// look is the state of the daemon at one moment.
type look struct {
	at       time.Time
	work     work
	commands map[string]int64
}

func (b *bench) look(pid int) (look, error) {
	w, err := workOf(pid)
	if err != nil {
		return look{}, err
	}
	info, err := redis.String(b.redis.Do("INFO", "commandstats"))
	return look{at: time.Now(), work: w, commands: commandCalls(info)}, err
}

// until returns the usage between this look and a later one.
func (l look) until(after look) idleSide {
	return idleSide{
		watched: after.at.Sub(l.at), cpu: after.work.cpu - l.work.cpu, switches: after.work.switches - l.work.switches,
		commands: difference(l.commands, after.commands),
	}
}

// difference is what was called between, without what bench called itself.
func difference(before, after map[string]int64) map[string]int64 {
	calls := make(map[string]int64)
	for command, n := range after {
		if n -= before[command]; n > 0 && command != "info" {
			calls[command] = n
		}
	}
	return calls
}
