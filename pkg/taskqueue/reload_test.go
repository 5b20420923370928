package taskqueue

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/files"
	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

// running counts the marker files of scripts that wait for the file "go".
const waitForGo = `touch "$D/run.$$"; while ! [ -e "$D/go" ]; do sleep 0.05; done; rm "$D/run.$$"; echo x >>"$D/done"`

func (r *rig) running() int {
	files, err := os.ReadDir(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "run.") {
			n++
		}
	}
	return n
}

func TestReloadToMoreWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", waitForGo)
	r.push("T", "{}", "{}", "{}", "{}", "{}", "{}")
	r.start()
	r.until("one runs", func() bool { return r.running() == 1 })
	r.task("T", waitForGo, workers(4))
	r.reload()
	r.until("four run", func() bool { return r.running() == 4 })
	r.write("go")
	r.ended(6)
}

func TestReloadToFewerWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", waitForGo, workers(4))
	r.push("T", "{}", "{}", "{}", "{}", "{}", "{}")
	r.start()
	r.until("four run", func() bool { return r.running() == 4 })
	r.task("T", `ls "$D" | grep -c run >>"$D/seen"; echo x >>"$D/run.$$"; sleep 0.05; rm "$D/run.$$"`, workers(1))
	r.reload()
	r.write("go")
	r.ended(6)
	// The script's own file exists after it looked: 0 others mean one at a time.
	if diff := cmp.Diff([]string{"0", "0"}, r.lines("seen")); diff != "" {
		t.Errorf("others that ran beside a task of the new configuration: %s", diff)
	}
	if n := len(r.lines("done")); n != 4 {
		t.Errorf("%d of 4 running tasks were left alone", n)
	}
}

func TestReloadWithNewChangedAndRemovedTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("kept", `echo old >>"$D/kept"`)
	r.task("removed", waitForGo)
	r.push("removed", `{"args":["first"]}`, `{"args":["second"]}`)
	r.push("new", "{}")
	r.start()
	r.until("the type to be removed runs", func() bool { return r.running() == 1 })

	delete(r.config.Tasks, "removed")
	r.task("kept", `echo new >>"$D/kept"`)
	r.task("new", `echo new >>"$D/new"`)
	r.reload()
	r.push("kept", "{}")
	r.until("the new and the changed one run", func() bool { return r.read("new") != "" && r.read("kept") == "new\n" })
	r.write("go")
	r.until("the removed one has ended", func() bool { return r.counters.Snapshot().Done == 3 && r.inRunLists() == 0 })
	if diff := cmp.Diff([]string{`{"args":["second"]}`}, r.server.List(t, "q:removed")); diff != "" {
		t.Errorf("a removed type takes nothing new: %s", diff)
	}

	r.task("removed", `echo back >>"$D/back"`)
	r.reload()
	r.until("it came back", func() bool { return r.read("back") == "back\n" })
}

func TestReloadBringsATypeBackWhileItEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", waitForGo)
	r.push("T", "{}", "{}")
	r.start()
	r.until("it runs", func() bool { return r.running() == 1 })
	task := r.config.Tasks["T"]
	delete(r.config.Tasks, "T")
	r.reload()
	r.config.Tasks["T"] = task
	r.reload()
	if n := r.running(); n != 1 {
		t.Errorf("%d run with one worker", n)
	}
	r.write("go")
	r.ended(2)
}

// A task is told to the Redis that it came from, and workers = 1 holds over the
// change.
func TestReloadToAnotherRedis(t *testing.T) {
	t.Parallel()
	other, err := redistest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r := newRig(t)
	r.task("T", waitForGo)
	r.push("T", "{}", "{}")
	other.Push(t, "q:T", "{}")
	r.start()
	r.until("it runs", func() bool { return r.running() == 1 })
	r.config.RedisAddress = other.Socket
	r.reload()
	redistest.WaitBlocked(t, r.server, 0)
	if n := r.running(); n != 1 {
		t.Errorf("%d run with one worker", n)
	}
	r.write("go")
	r.until("both ended", func() bool { return r.counters.Snapshot().Done == 2 })
	r.until("the old one is told, and left", func() bool { return len(r.server.Keys(t, "*")) == 1 })
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T")); diff != "" {
		t.Errorf("the old redis keeps what waits there: %s", diff)
	}
	r.pool.Drain()
	<-r.pool.Over()
	if keys := other.Keys(t, "*"); len(keys) != 0 {
		t.Errorf("left in the new redis: %v", keys)
	}
}

// The old Redis may be gone for good, which is why an administrator moves: it
// must not hold up the new one.
func TestReloadAwayFromARedisThatIsDown(t *testing.T) {
	t.Parallel()
	old, err := redistest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	r := newRig(t)
	r.config.RedisAddress = old.Socket
	r.task("T", `touch "$D/ran"`)
	r.start()
	redistest.WaitBlocked(t, old, 1)
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	r.until("the loss is noticed", func() bool { return strings.Contains(r.pool.Health(), "not reachable") })
	r.config.RedisAddress = r.server.Socket
	r.reload()
	r.push("T", "{}")
	r.until("the new redis is served", func() bool { return r.exists("ran") })
}

func TestReloadToARedisThatDoesNotAnswerIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/ran"`)
	r.start()
	next := *r.config
	next.RedisAddress = "/nonexistent/redis"
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := r.tryReloadTo(ctx, &next, func() { t.Error("committed") })
	if !errors.Is(err, ErrRedis) {
		t.Errorf("got %v", err)
	}
	r.push("T", "{}")
	r.until("the old configuration goes on", func() bool { return r.exists("ran") })
}

// An entry that came in for a type at the moment of its removal, with its answer
// lost, goes back however long that takes: nobody looks into the run lists of an
// instance that lives.
func TestReloadRemovesATypeWhileRedisIsSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.task("T", ":")
	r.start()
	redistest.WaitBlocked(t, r.server, 1)
	delete(r.config.Tasks, "T")
	err := r.tryReload(t.Context(), func() {
		p.Mute(true)
		r.push("T", "{}")
	})
	if err != nil || r.inRunLists() != 1 {
		t.Fatalf("%d entries taken, %v", r.inRunLists(), err)
	}
	time.Sleep(takeTimeout + time.Second) // at a stop it would be given up by now
	p.CutAll()
	p.Mute(false)
	r.until("the entry is back in its queue", func() bool { return len(r.server.List(t, "q:T")) == 1 && r.inRunLists() == 0 })
}

// An entry that came in when Redis went silent, and gordon moved away from it, is
// brought back when it moves back: its own process, which lives, says nothing then.
func TestReloadBackToARedisThatWasSilent(t *testing.T) {
	t.Parallel()
	other, err := redistest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.task("T", `touch "$D/ran"`)
	r.start()
	redistest.WaitBlocked(t, r.server, 1)
	p.Mute(true)
	r.push("T", "{}")
	r.until("the entry is taken", func() bool { return r.inRunLists() == 1 })
	p.CutAll()
	r.config.RedisAddress = other.Socket
	r.reload()
	r.until("the old one is given up", func() bool { return strings.Contains(r.log.String(), "redis did not respond in time") })
	p.Mute(false)
	r.config.RedisAddress = p.Socket
	r.reload()
	r.until("the entry runs", func() bool { return r.exists("ran") })
	r.until("one instance is on record", func() bool { return r.server.Do(t, "HLEN", "q:instances") == int64(1) })
}

// What runs goes on under the old configuration, also when its daemon dies.
func TestRefusedReloadLeavesTheRecordAsItWas(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.task("T", ":", func(t *config.Task) { t.OnCrash = config.CrashFail })
	r.start()
	cut(p)
	r.until("the loss is noticed", func() bool { return strings.Contains(r.pool.Health(), "not reachable") })
	r.task("T", ":")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.tryReload(ctx, func() { t.Error("committed") }); !errors.Is(err, ErrRedis) {
		t.Errorf("got %v", err)
	}
	r.server.Do(t, "DEL", "q:instances")
	p.Decide(nil)
	var record []byte
	r.until("it is on record again", func() bool {
		record, _ = r.server.Do(t, "HGET", "q:instances", r.pool.current.id).([]byte)
		return record != nil
	})
	if !strings.Contains(string(record), "fail_on_crash") {
		t.Errorf("on_crash of a reload that was refused is on record: %s", record)
	}
}

// Whoever asked has given up, and been told so, before Redis answers.
func TestReloadThatComesTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.task("T", ":", func(t *config.Task) { t.OnCrash = config.CrashFail })
	r.start()
	r.push("T", "{}")
	r.ended(1) // all connections are made, and none of them puts the instance on record
	r.task("T", ":")
	p.Delay(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.tryReload(ctx, func() { t.Error("committed") }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	p.Delay(0)
	if record, _ := r.server.Do(t, "HGET", "q:instances", r.pool.current.id).([]byte); !strings.Contains(string(record), "fail_on_crash") {
		t.Errorf("on_crash of a reload that came too late is on record: %s", record)
	}
	r.reload()
	if record, _ := r.server.Do(t, "HGET", "q:instances", r.pool.current.id).([]byte); strings.Contains(string(record), "fail_on_crash") {
		t.Errorf("on record after the next one: %s", record)
	}
}

// A path on a file system that does not answer ends no more than the reload that
// names it: what moves goes on to prove it, the next reload works, and so does a stop.
func TestReloadOnADeadFileSystem(t *testing.T) {
	t.Parallel()
	dead, _ := gordontest.DeadFolder(t)
	r := newRig(t)
	r.task("T", `echo x >>"$D/done"`)
	r.start()
	good := r.config.Tasks["T"]
	for name, change := range map[string]func(*config.Config, *config.Task){
		"script":            func(_ *config.Config, t *config.Task) { t.Script = dead + "/script" },
		"working_directory": func(_ *config.Config, t *config.Task) { t.Process.WorkingDirectory = dead + "/folder" },
		"error_script": func(c *config.Config, _ *config.Task) {
			c.Needs = []config.Need{{Kind: config.NeedProgram, Path: dead + "/script"}}
		},
		"a file": func(c *config.Config, _ *config.Task) {
			c.Needs = []config.Need{{Kind: config.NeedFolder, Path: dead + "/file"}}
		},
	} {
		c, task := *r.config, good
		change(&c, &task)
		c.Tasks = map[string]config.Task{"T": task}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		over := make(chan error, 1)
		go func() { over <- r.tryReloadTo(ctx, &c, func() { t.Error("committed") }) }()
		for range 3 {
			if err := r.pool.Alive(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		select {
		case err := <-over:
			if !errors.Is(err, files.ErrHangs) {
				t.Errorf("%s: got %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the reload waits", name)
		}
		cancel()
	}
	r.reload()
	r.push("T", "{}")
	r.ended(1)

	c := *r.config
	c.Needs = []config.Need{{Kind: config.NeedFolder, Path: dead + "/file"}}
	over := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { over <- r.tryReloadTo(ctx, &c, func() { t.Error("committed") }) }()
	r.pool.Drain()
	cancel()
	if err := <-over; err == nil {
		t.Error("accepted")
	}
	select {
	case <-r.pool.Over():
	case <-time.After(20 * time.Second):
		t.Error("the stop waits")
	}
}

func TestReloadDuringAStopIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.pool.Drain()
	if err := r.tryReload(t.Context(), func() { t.Error("committed") }); err == nil {
		t.Error("accepted")
	}
	<-r.pool.Over()
}

func TestReloadEndsTheRestOfAChangedBackoff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo x >>"$D/seen"; exit 1`, func(t *config.Task) {
		t.Backoff = config.Backoff{Enabled: true, Min: time.Hour, Max: time.Hour, Factor: 1}
	})
	r.push("T", "{}", "{}")
	r.start()
	r.until("the first failed", func() bool { return len(r.failed("T")) == 1 })
	r.task("T", `echo x >>"$D/seen"`)
	r.reload()
	r.until("the second ran at once", func() bool { return len(r.lines("seen")) == 2 })
}

// What a task left running keeps its GORDON_TASK_ID, by which trees are killed.
func TestTaskIDsAreNotUsedAgainByATypeThatComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$GORDON_TASK_ID" >>"$D/ids"`)
	task := r.config.Tasks["T"]
	r.start()
	for n := range int64(3) {
		r.push("T", "{}")
		r.until("it ran", func() bool { return r.counters.Snapshot().Done == n+1 && r.inRunLists() == 0 })
		delete(r.config.Tasks, "T")
		r.reload()
		r.until("the type is gone", func() bool {
			r.pool.current.mu.Lock()
			defer r.pool.current.mu.Unlock()
			return len(r.pool.current.queues) == 0
		})
		r.config.Tasks["T"] = task
		r.reload()
	}
	ids := r.lines("ids")
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 {
		t.Errorf("the ids were %v", r.lines("ids"))
	}
}
