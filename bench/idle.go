package main

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// idleTypes is how many types the idle daemon has.
const idleTypes = 3

// idle is what a daemon costs that has nothing to do.
type idle struct {
	memory   memory
	watched  time.Duration
	cpu      time.Duration // used in that time, by all threads
	switches int64         // of context in that time, by all threads
	commands map[string]int64
}

func (b *bench) idle(ctx context.Context) (i idle, err error) {
	d, err := b.start(ctx, task("a", program, 1)+task("b", program, 1)+task("c", program, 1), idleTypes)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	pid := d.cmd.Process.Pid
	// The end of the start is not part of it.
	select {
	case <-time.After(min(b.plan.idle, 2*time.Second)):
	case <-ctx.Done():
		return i, ctx.Err()
	}
	before, err := b.look(pid)
	if err != nil {
		return i, err
	}
	select {
	case <-time.After(b.plan.idle):
	case <-ctx.Done():
		return i, ctx.Err()
	}
	after, err := b.look(pid)
	if err != nil {
		return i, err
	}
	i = idle{
		watched: after.at.Sub(before.at), cpu: after.work.cpu - before.work.cpu,
		switches: after.work.switches - before.work.switches,
		commands: difference(before.commands, after.commands),
	}
	i.memory, err = memoryOf(pid)
	return i, err
}

// look is what is known of the daemon at one moment.
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
