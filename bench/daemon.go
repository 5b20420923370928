package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// daemon is a running gordon.
type daemon struct {
	cmd *exec.Cmd
	out bytes.Buffer // read after the end
}

// start starts gordon with these tasks (TOML) and returns when it waits for
// entries of so many types.
func (b *bench) start(ctx context.Context, tasks string, types int) (*daemon, error) {
	conf := filepath.Join(b.dir, "gordon.toml")
	text := fmt.Sprintf("redis_address = %q\nqueue_key = %q\nfailed_tasks_ttl = 3600\n%s", b.server.Socket, queueKey, tasks)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d := &daemon{cmd: exec.CommandContext(ctx, b.binary, "-conf", conf)}
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	if err := b.untilIdle(ctx, types); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// stop ends gordon, which must exit with 0.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("gordon: %w\n%s", err, &d.out)
	}
	return nil
}

// untilIdle waits until gordon waits in Redis for entries of so many types.
func (b *bench) untilIdle(ctx context.Context, types int) error {
	want := fmt.Sprintf("blocked_clients:%d\r\n", types)
	return until(ctx, "gordon waits for entries", 100*time.Microsecond, func() (bool, error) {
		info, err := redis.String(b.redis.Do("INFO", "clients"))
		return strings.Contains(info, want), err
	})
}

// task is the table of a type in gordon's configuration.
func taskTable(name, script string, workers int) string {
	return fmt.Sprintf("[tasks.%s]\nscript = %q\nworkers = %d\n", name, script, workers)
}
