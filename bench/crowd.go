package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
	"github.com/nevsnode/gordon/v2/pkg/taskqueue"
)

// crowdResult is what Redis does for many hosts, as parts of one core.
type crowdResult struct {
	idle, loaded float64
	rate         float64         // entries for later a second
	late         []time.Duration // from due to the queue, of one type
}

// measureCrowd runs a pool for each host, all in this process: so many daemons would
// need a machine for themselves. Their types are paused, so what they do for entries
// for later is all that they do.
func (p hostsPlan) measureCrowd(ctx context.Context) (r crowdResult, err error) {
	b, err := p.newHostsBench()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	stop, err := b.startCrowd(ctx, p.crowd)
	defer stop()
	if err != nil {
		return r, err
	}
	if err := rest(ctx, min(p.load, 3*time.Second)); err != nil {
		return r, err
	}
	if r.idle, err = b.redisLoad(func() error { return rest(ctx, p.load) }); err != nil {
		return r, err
	}
	watched, end := context.WithCancel(ctx)
	defer end()
	var watching sync.WaitGroup
	var watchErr error
	watching.Go(func() { r.late, watchErr = b.lateness(watched) })
	r.loaded, err = b.redisLoad(func() (err error) {
		r.rate, err = b.addAtRate(ctx, p)
		return err
	})
	if err == nil {
		err = rest(ctx, time.Second) // the last ones
	}
	end()
	watching.Wait()
	return r, errors.Join(err, watchErr, b.allMoved(p.crowd.types))
}

// startCrowd starts the pools; stop stops all that were started.
func (b *bench) startCrowd(ctx context.Context, g grid) (stop func(), err error) {
	c := &config.Config{TempDir: b.dir, KillGrace: time.Second, Tasks: make(map[string]config.Task)}
	for n := range g.types {
		name := typeName(n)
		c.Tasks[name] = config.Task{Type: name, Script: program, Workers: 1, Weight: 100, FailOnOutput: config.FailOnAny}
		if _, err := b.redis.Do("SADD", queueKey+":paused", name); err != nil {
			return func() {}, err
		}
	}
	log := slog.New(slog.DiscardHandler)
	planner, err := task.NewPlanner(task.Options{Log: log, Counters: stats.New("bench", time.Now)})
	if err != nil {
		return func() {}, err
	}
	var pools []*taskqueue.Pool
	stop = func() {
		defer planner.Close()
		var stopping sync.WaitGroup
		for _, pool := range pools {
			stopping.Go(func() { pool.Shutdown(0, time.Second, nil) })
		}
		stopping.Wait()
	}
	plans, err := planner.Plan(ctx, c)
	if err != nil {
		return stop, err
	}
	served := taskqueue.Config{
		Target: taskqueue.Target{QueueKey: queueKey, Redis: store.Options{Network: "unix", Address: b.server.Socket}},
		Plans:  plans, TempDir: b.dir,
	}
	for range g.hosts {
		pool, err := taskqueue.Start(ctx, served, taskqueue.Options{Log: log, Version: "bench"})
		if err != nil {
			return stop, err
		}
		pools = append(pools, pool)
	}
	return stop, nil
}

// redisLoad is the part of one core that Redis uses while f runs.
func (b *bench) redisLoad(f func() error) (float64, error) {
	info, err := redis.String(b.redis.Do("INFO", "server"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(info, "process_id:")
	number, _, _ := strings.Cut(rest, "\r\n")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return 0, err
	}
	before, err := workOf(pid)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return 0, err
	}
	after, err := workOf(pid)
	return float64(after.cpu-before.cpu) / float64(time.Since(began)), err
}

// addAtRate adds entries that are due within half a second, evenly, and returns how
// many a second that were: a Redis with too much to do takes fewer.
func (b *bench) addAtRate(ctx context.Context, p hostsPlan) (rate float64, err error) {
	began := time.Now()
	entries := int(p.load.Seconds() * float64(p.rate))
	for n := range entries {
		if err := rest(ctx, time.Until(began.Add(time.Duration(n)*time.Second/time.Duration(p.rate)))); err != nil {
			return 0, err
		}
		if err := b.addLater(n%p.crowd.types, time.Now().Add(rand.N(500*time.Millisecond))); err != nil {
			return 0, err
		}
	}
	return float64(entries) / time.Since(began).Seconds(), nil
}

// lateness takes the entries of one type from its queue until ctx ends, and returns
// how long after their time each came there.
func (b *bench) lateness(ctx context.Context) (late []time.Duration, err error) {
	c, err := redis.Dial("unix", b.server.Socket)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for ctx.Err() == nil {
		reply, err := redis.ByteSlices(c.Do("BLPOP", queueKey+":"+typeName(0), 0.2))
		now := time.Now()
		if errors.Is(err, redis.ErrNil) {
			continue
		}
		if err != nil {
			return late, err
		}
		var entry struct{ ID string }
		if err := json.Unmarshal(reply[1], &entry); err != nil {
			return late, err
		}
		number, _, _ := strings.Cut(entry.ID, "-")
		due, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return late, err
		}
		late = append(late, now.Sub(time.UnixMilli(due)))
	}
	return late, nil
}

func (r crowdResult) table(w io.Writer) {
	fmt.Fprintf(w, "CPU of Redis without\t%.1f %% of one core\t\n", 100*r.idle)
	fmt.Fprintf(w, "with %.0f entries a second\t%.1f %%\t\n", r.rate, 100*r.loaded)
	fmt.Fprintln(w, "in the queue after due, p50\tp99\tmax\t")
	fmt.Fprintf(w, "%s\t%s\t%s\t\n", ms(quantile(r.late, 0.5)), ms(quantile(r.late, 0.99)), ms(quantile(r.late, 1)))
}
