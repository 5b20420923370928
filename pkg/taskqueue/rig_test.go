package taskqueue

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/stats"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/task"
)

// rig is a pool over a Redis of its own, with scripts in a folder of its own.
type rig struct {
	t        testing.TB
	dir      string
	config   *config.Config
	defaults config.Task
	server   *redistest.Server
	counters *stats.Counters
	pool     *Pool
	log      *lockedBuffer
	socket   string
	times    store.Times
	planner  *task.Planner
	// startTimeout is that of task.Options.
	startTimeout time.Duration
	signals      *task.Signals
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig starts a Redis and makes a configuration without tasks.
func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOn(t, redistest.New(t))
}

// newRigOn makes a rig with a Redis that is there.
func newRigOn(t testing.TB, server *redistest.Server) *rig {
	t.Helper()
	r := &rig{
		t: t, server: server, dir: t.TempDir(), counters: stats.New("test", time.Now), log: &lockedBuffer{}, socket: server.Socket, times: store.DefaultTimes(),
	}
	r.config = loadConfig(t, server.Socket)
	r.defaults = r.config.Tasks["T"]
	delete(r.config.Tasks, "T")
	return r
}

// loadConfig loads a configuration with a failed list, a shorter kill_grace and the type
// T. All else has its default.
func loadConfig(t testing.TB, socket string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "gordon.toml")
	text := fmt.Sprintf("redis_network = \"unix\"\nredis_address = %q\nqueue_key = \"q\"\ntemp_dir = %q\n"+
		"failed_tasks_ttl = 3600\nkill_grace = \"5s\"\n[tasks.T]\nscript = \"/bin/true\"\n", socket, dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// file is the path of a file in the rig's folder.
func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

// read returns a file's content, "" while there is none.
func (r *rig) read(name string) string {
	content, err := os.ReadFile(r.file(name))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return string(content)
}

// task configures a type whose script is a shell script with this body. $D is
// the rig's folder.
func (r *rig) task(name, body string, change ...func(*config.Task)) {
	r.t.Helper()
	path := r.file(name + ".sh")
	gordontest.WriteFile(r.t, path, "#!/bin/sh\nD='"+r.dir+"'\n"+body+"\n", 0o755)
	r.add(config.Task{Type: name, Script: path}, change...)
}

// add configures a type with the script of t and the defaults of [loadConfig].
func (r *rig) add(t config.Task, change ...func(*config.Task)) {
	task := r.defaults
	task.Type, task.Script, task.ScriptArgs = t.Type, t.Script, t.ScriptArgs
	for _, c := range change {
		c(&task)
	}
	r.config.Tasks[task.Type] = task
}

func workers(n int) func(*config.Task) { return func(t *config.Task) { t.Workers = n } }

// start starts the pool; the end of the test stops it.
func (r *rig) start() {
	r.t.Helper()
	r.counters.SetTypes(nil)
	pool, err := r.tryStart(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.pool = pool
	r.t.Cleanup(func() {
		pool.Shutdown(0, 5*time.Second, nil)
		if r.t.Failed() {
			r.t.Logf("log:\n%s", r.log)
		}
	})
}

// tryStart starts a pool, and returns its error.
func (r *rig) tryStart(ctx context.Context) (*Pool, error) {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	r.planner, err = task.NewPlanner(task.Options{Log: log, Counters: r.counters, Env: os.Environ(), Signals: r.signals, StartTimeout: r.startTimeout})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.planner.Close) // after the pool
	served, err := r.served(ctx, r.config)
	if err != nil {
		return nil, err
	}
	return Start(ctx, served, Options{Log: log, Version: "test", Times: r.times})
}

// served is what a pool serves by a configuration.
func (r *rig) served(ctx context.Context, c *config.Config) (Config, error) {
	plans, err := r.planner.Plan(ctx, c)
	target := Target{QueueKey: c.QueueKey, Redis: store.Options{Network: c.RedisNetwork, Address: c.RedisAddress}}
	return Config{Target: target, Plans: plans, MaxRunning: c.MaxRunning, TempDir: c.TempDir}, err
}

// tryReload makes the rig's configuration the pool's, and returns the error.
func (r *rig) tryReload(ctx context.Context, commit func()) error {
	return r.tryReloadTo(ctx, r.config, commit)
}

func (r *rig) tryReloadTo(ctx context.Context, c *config.Config, commit func()) error {
	served, err := r.served(ctx, c)
	if err != nil {
		return err
	}
	return r.pool.Reload(ctx, served, commit)
}

// reload makes the rig's configuration the pool's.
func (r *rig) reload() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	if err := r.tryReload(ctx, func() {}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) push(taskType string, entries ...string) { r.server.Push(r.t, "q:"+taskType, entries...) }

func (r *rig) failed(taskType string) []string { return r.server.List(r.t, "q:"+taskType+":failed") }

// until waits for a condition.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	gordontest.Until(r.t, what, ok)
}

// ended waits until n runs have ended and Redis knows.
func (r *rig) ended(n int64) {
	r.t.Helper()
	r.until("runs ended and confirmed", func() bool {
		s := r.counters.Snapshot()
		return s.Done+s.Failed >= n && r.inRunLists() == 0
	})
	if s := r.counters.Snapshot(); s.Done+s.Failed != n {
		r.t.Errorf("%d runs ended, want %d", s.Done+s.Failed, n)
	}
}

// inRunLists is how many entries stand in the run lists of any instance.
func (r *rig) inRunLists() int {
	keys, err := redis.Strings(r.server.Do(r.t, "KEYS", "q:*:run:*"), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(keys)
}

func (r *rig) lines(name string) []string { return strings.Fields(r.read(name)) }

func (r *rig) exists(name string) bool {
	_, err := os.Stat(r.file(name))
	return err == nil
}

func (r *rig) write(name string) {
	r.t.Helper()
	if err := os.WriteFile(r.file(name), nil, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// alive tells whether a process of this number runs and is no zombie.
func alive(t testing.TB, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
