package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

// hostsPlan is the extent of the measurement of delayed entries on several hosts.
type hostsPlan struct {
	gordon  string
	grids   []grid        // of real daemons
	entries int           // for each of them
	crowd   grid          // of pools in one process
	rate    int           // entries a second for the crowd
	load    time.Duration // how long they are added
}

// grid is a number of hosts that all serve the same types.
type grid struct{ hosts, types int }

func (g grid) String() string { return fmt.Sprintf("%d × %d", g.hosts, g.types) }

// typeName names one of the types.
func typeName(n int) string { return fmt.Sprintf("t%d", n) }

// hostsResult is the cost of entries for later in Redis.
type hostsResult struct {
	perEntry []float64 // commands, for each grid
	crowd    crowdResult
}

// run measures everything and writes the result to w.
func (p hostsPlan) run(ctx context.Context, w, progress io.Writer) error {
	var r hostsResult
	for _, g := range p.grids {
		fmt.Fprintf(progress, "commands per entry for later, hosts × types = %v\n", g)
		n, err := p.commandsPerEntry(ctx, g)
		if err != nil {
			return fmt.Errorf("measure %v daemons: %w", g, err)
		}
		r.perEntry = append(r.perEntry, n)
	}
	fmt.Fprintf(progress, "load of Redis, hosts × types = %v\n", p.crowd)
	var err error
	if r.crowd, err = p.measureCrowd(ctx); err != nil {
		return fmt.Errorf("measure %v in one process: %w", p.crowd, err)
	}
	return r.write(w, p)
}

// newHostsBench starts a Redis that takes as many connections as a grid needs.
func (p hostsPlan) newHostsBench() (b *bench, err error) {
	b = &bench{}
	if b.binary, err = filepath.Abs(p.gordon); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "gordon-bench"); err != nil {
		return nil, err
	}
	if b.server, err = redistest.Start("--maxclients", "20000"); err == nil {
		b.redis, err = redis.Dial("unix", b.server.Socket)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// commandsPerEntry is how many commands Redis carries out for one entry for later,
// from the ZADD of its producer to the end of its task, over what idle daemons send.
func (p hostsPlan) commandsPerEntry(ctx context.Context, g grid) (n float64, err error) {
	b, err := p.newHostsBench()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	tasks := ""
	for n := range g.types {
		tasks += taskTable(typeName(n), program, 1)
	}
	for n := range g.hosts {
		d, err := b.start(ctx, tasks, (n+1)*g.types)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
	}
	if err := rest(ctx, time.Second); err != nil { // the end of the start is not part of it
		return 0, err
	}
	began := time.Now()
	before, err := b.calls()
	if err != nil {
		return 0, err
	}
	for i := range p.entries {
		if err := b.addLater(i%g.types, time.Now().Add(dueIn)); err != nil {
			return 0, err
		}
		if err := rest(ctx, 2*dueIn); err != nil { // each by itself: what comes at once is less work
			return 0, err
		}
	}
	if err := b.untilIdle(ctx, g.hosts*g.types); err != nil {
		return 0, err
	}
	took := time.Since(began)
	with, err := b.calls()
	if err != nil {
		return 0, err
	}
	if err := rest(ctx, took); err != nil {
		return 0, err
	}
	idle, err := b.calls()
	if err != nil {
		return 0, err
	}
	return float64((with-before)-(idle-with)) / float64(p.entries), b.allMoved(g.types)
}

// calls is how many commands Redis has carried out, those of scripts included.
func (b *bench) calls() (n int64, err error) {
	info, err := redis.String(b.redis.Do("INFO", "commandstats"))
	for command, calls := range commandCalls(info) {
		if command != "info" {
			n += calls
		}
	}
	return n, err
}

// addLater adds an entry for later as a producer does. No two are equal.
func (b *bench) addLater(n int, due time.Time) error {
	_, err := b.redis.Do("ZADD", queueKey+":"+typeName(n)+":delayed", due.UnixMilli(), fmt.Sprintf(`{"args":[],"id":"%d-%d"}`, due.UnixMilli(), rand.Uint64()))
	return err
}

// allMoved checks that no entry still waits for its time.
func (b *bench) allMoved(types int) error {
	for n := range types {
		left, err := redis.Int(b.redis.Do("ZCARD", queueKey+":"+typeName(n)+":delayed"))
		if err == nil && left > 0 {
			err = fmt.Errorf("%d entries of %s were not moved", left, typeName(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes the result as text.
func (r hostsResult) write(w io.Writer, p hostsPlan) error {
	version, err := exec.Command(p.gordon, "version").Output()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\nCommands in Redis for one entry for later, of %d one by one, from its ZADD to the end of its task\n\n", version, p.entries)
	if err := table(w, func(w io.Writer) {
		fmt.Fprintln(w, "hosts × types\tcommands\t")
		for n, g := range p.grids {
			fmt.Fprintf(w, "%v\t%.1f\t\n", g, r.perEntry[n])
		}
	}); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nRedis with %v (hosts × types, in one process, all paused), without and with entries for later, for %v\n\n", p.crowd, p.load)
	return table(w, r.crowd.table)
}
