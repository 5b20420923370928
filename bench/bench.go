package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/redistest"
)

const (
	queueKey = "bench"
	taskType = "T"
	queue    = queueKey + ":" + taskType
	runLists = queue + ":run:*"
)

// patience is how long anything may take that takes a moment.
const patience = 60 * time.Second

// bench is a Redis and a folder for one run of all measurements.
type bench struct {
	plan
	binary string // gordon, absolute
	dir    string
	stamp  string // the program of bench/stamp
	server *redistest.Server
	redis  redis.Conn
}

func newBench(ctx context.Context, p plan) (_ *bench, err error) {
	b := &bench{plan: p}
	if b.binary, err = filepath.Abs(p.gordon); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "gordon-bench"); err != nil {
		return nil, err
	}
	if err := b.prepare(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context) (err error) {
	b.stamp = filepath.Join(b.dir, "stamp")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.stamp, "github.com/nevsnode/gordon/v2/bench/stamp")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build bench/stamp: %w\n%s", err, out)
	}
	if b.server, err = redistest.Start(); err != nil {
		return err
	}
	b.redis, err = redis.Dial("unix", b.server.Socket)
	return err
}

// close stops all that newBench has started, also if newBench failed half-way.
func (b *bench) close() error {
	var errs []error
	if b.redis != nil {
		errs = append(errs, b.redis.Close())
	}
	if b.server != nil {
		errs = append(errs, b.server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// until waits for a state that gordon or Redis reaches by itself. A look costs
// about 30 µs, so that the looking is no load.
func until(ctx context.Context, what string, every time.Duration, reached func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := reached()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-time.After(every):
		}
	}
}
