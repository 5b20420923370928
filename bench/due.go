package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// due is the time from the moment at which an entry for later is due to the first
// statement of its script, beside the time from a push.
type due struct{ late, pushed []time.Duration }

// dueIn is how long such an entry waits. Gordon hears of it and sleeps until then.
const dueIn = 25 * time.Millisecond

// due adds one entry after the other to the sorted set, as a producer does, and in
// turns with it pushes one to the queue.
func (b *bench) due(ctx context.Context) (d due, err error) {
	gordon, err := b.start(ctx, taskTable(taskType, b.stamp, 1), 1)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, gordon.stop()) }()
	clock, err := newClock(filepath.Join(b.dir, "due"))
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, clock.close()) }()
	entry, err := json.Marshal(map[string]any{"args": []string{clock.path}})
	if err != nil {
		return d, err
	}
	push := func() error {
		_, err := b.redis.Do("RPUSH", queue, entry)
		return err
	}
	for range b.later {
		if err := errors.Join(b.untilIdle(ctx, 1), clock.measure(&d.pushed, push), b.untilIdle(ctx, 1)); err != nil {
			return d, err
		}
		before := time.Now()
		at := before.Add(dueIn).Truncate(time.Millisecond) // as a score has it
		if err := clock.measure(&d.late, func() error {
			_, err := b.redis.Do("ZADD", queue+":delayed", at.UnixMilli(), entry)
			return err
		}); err != nil {
			return d, err
		}
		d.late[len(d.late)-1] -= at.Sub(before)
	}
	return d, b.noneFailed()
}

func (d due) table(w io.Writer) {
	fmt.Fprintln(w, "\tp50\tp99\tmax\t")
	timesRow(w, "from due", d.late)
	timesRow(w, "from the push", d.pushed)
	fmt.Fprintf(w, "waiting in the set adds\t%s\t\t\t\n", ms(quantile(d.late, 0.5)-quantile(d.pushed, 0.5)))
}
