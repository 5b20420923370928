package taskqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/failures"
	"github.com/nevsnode/gordon/v2/internal/loop"
	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
	"github.com/nevsnode/gordon/v2/pkg/watch"
)

// attempts has a task retried after every exit status, soon.
func attempts(n int, change ...func(*config.Retry)) func(*config.Task) {
	return func(t *config.Task) {
		t.Retry = config.Retry{MaxAttempts: n, Delay: 20 * time.Millisecond, DelayMax: time.Second, Factor: 1, On: onAny}
		for _, c := range change {
			c(&t.Retry)
		}
	}
}

// onAny is the default of retry_on.
var onAny = func() failures.Set {
	f, err := failures.Parse([]string{"exit", "signal", "timeout", "output", "out of memory", "not started"})
	if err != nil {
		panic(err)
	}
	return f
}()

// delayed returns what waits for its time.
func (r *rig) delayed(taskType string) []string {
	r.t.Helper()
	list, err := redis.Strings(r.server.Do(r.t, "ZRANGE", "q:"+taskType+":delayed", 0, -1), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// ran waits until a script has written this many lines.
func (r *rig) ran(lines int, file string) []string {
	r.t.Helper()
	r.until(fmt.Sprintf("%d lines in %s", lines, file), func() bool { return len(r.lines(file)) >= lines })
	return r.lines(file)
}

func TestRetryUntilItWorks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1:$GORDON_ATTEMPT/$GORDON_MAX_ATTEMPTS" >>"$D/runs"; [ "$GORDON_ATTEMPT" = 3 ]`, attempts(5))
	r.push("T", `{"args":["a"],"kept":1.50}`)
	r.start()
	r.ended(1)
	if diff := cmp.Diff([]string{"a:1/5", "a:2/5", "a:3/5"}, r.lines("runs")); diff != "" {
		t.Error(diff)
	}
	if s := r.counters.Snapshot(); s.Done != 1 || s.Failed != 0 || len(r.failed("T")) != 0 || len(r.delayed("T")) != 0 {
		t.Errorf("%+v, failed %q, delayed %q", s, r.failed("T"), r.delayed("T"))
	}
	if log := r.log.String(); strings.Count(log, "task failed; it will be retried") != 2 || !strings.Contains(log, "attempt=2") || !strings.Contains(log, "retry_in=20ms") {
		t.Error("the log does not tell of two retries")
	}
}

// The failed list and the error_script are for the last attempt.
func TestRetryEndsOnTheFailedList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.ErrorScript = r.file("notify.sh")
	r.task("notify", `echo told >>"$D/told"`)
	delete(r.config.Tasks, "notify")
	r.task("T", `echo "$GORDON_TASK_ID" >>"$D/ids"; exit 7`, attempts(3))
	record := failOne(t, r, `{"args":["a"],"id":"invoice 17"}`)
	ids := r.lines("ids")
	want := map[string]any{
		"args": []any{"a"}, "id": "invoice 17", "error_message": "exit status 7", "outcome": "failed", "attempt": 3.0, "exit_status": 7.0, "task_id": ids[2],
	}
	for name, value := range want {
		if diff := cmp.Diff(value, record[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := time.Parse(time.RFC3339, record["started_at"].(string)); err != nil || record["gordon"] != nil {
		t.Errorf("%v: %v", record, err)
	}
	if len(ids) != 3 || len(r.lines("told")) != 1 {
		t.Errorf("%d runs, error_script ran %d times", len(ids), len(r.lines("told")))
	}
	// Pushed back by a person, it has all its attempts again.
	r.server.Do(t, "LMOVE", "q:T:failed", "q:T", "LEFT", "RIGHT")
	r.ran(6, "ids")
}

func TestRetryOnlyAfterSomeFailures(t *testing.T) {
	t.Parallel()
	on := func(names ...string) func(*config.Retry) {
		return func(retry *config.Retry) {
			var err error
			if retry.On, err = failures.Parse(names); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		script  string
		on      string
		again   bool
		timeout time.Duration
	}{
		"another status":  {"exit 1", "exit 75", false, 0},
		"this status":     {"exit 75", "exit 75", true, 0},
		"signal":          {"kill -9 $$", "signal", true, 0},
		"no signal":       {"exit 9", "signal", false, 0},
		"time-out":        {"sleep 60", "timeout", true, 100 * time.Millisecond},
		"output":          {"echo x", "output", true, 0},
		"status, not out": {"echo x; exit 1", "output", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", tt.script, attempts(2, on(tt.on)), timeout(tt.timeout, time.Second))
			if got, want := failOne(t, r, "{}")["attempt"], map[bool]float64{false: 1, true: 2}[tt.again]; got != want {
				t.Errorf("%v runs, want %v", got, want)
			}
		})
	}
	t.Run("not started", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.add(config.Task{Type: "T", Script: "/nonexistent"}, attempts(2, on("not started")))
		if record := failOne(t, r, "{}"); record["attempt"] != 2.0 || record["outcome"] != "not started" {
			t.Errorf("%v", record)
		}
	})
	t.Run("never for what cannot be read", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.task("T", ":", attempts(2))
		if record := failOne(t, r, `{"args":5}`); record["attempt"] != 1.0 || record["outcome"] != "unreadable" {
			t.Errorf("%v", record)
		}
	})
	t.Run("never for what will be refused again", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.task("T", ":", attempts(2))
		if record := failOne(t, r, `{"env":{"LD_PRELOAD":"x"}}`); record["attempt"] != 1.0 {
			t.Errorf("%v", record)
		}
	})
}

// Two equal entries stay two.
func TestRetryOfEqualEntries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo . >>"$D/runs"; exit 1`, attempts(2), workers(4))
	r.push("T", "{}", "{}", "{}", "{}", "{}", "{}")
	r.start()
	r.ended(6)
	if n := len(r.lines("runs")); n != 12 || len(r.failed("T")) != 6 {
		t.Errorf("%d runs, %d failed", n, len(r.failed("T")))
	}
}

// While it waits, nothing of it is in gordon: a stop has nothing to wait for.
func TestRetrySurvivesAStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$GORDON_ATTEMPT" >>"$D/runs"; [ "$GORDON_ATTEMPT" = 2 ]`, attempts(3, func(retry *config.Retry) {
		retry.Delay, retry.DelayMax = time.Hour, time.Hour
	}))
	r.push("T", "{}")
	r.start()
	r.until("it waits", func() bool { return len(r.delayed("T")) == 1 })
	r.pool.Shutdown(0, 5*time.Second, nil)
	r.server.Do(t, "ZADD", "q:T:delayed", "XX", 0, r.delayed("T")[0]) // the hour is over
	r.start()
	r.ended(1)
	if diff := cmp.Diff([]string{"1", "2"}, r.lines("runs")); diff != "" {
		t.Error(diff)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	const wait = 400 * time.Millisecond
	for name, order := range map[string]func(due time.Time) string{
		"delay":  func(time.Time) string { return fmt.Sprintf(`"delay":%v`, wait.Seconds()) },
		"run_at": func(due time.Time) string { return fmt.Sprintf(`"run_at":%.3f`, float64(due.UnixMilli())/1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `date +%s%3N >>"$D/$1"`)
			r.start()
			due := time.Now().Add(wait)
			r.push("T", `{"args":["late"],`+order(due)+`}`, `{"args":["now"]}`, `{"args":["past"],"run_at":5}`)
			ran := func(which string) int64 {
				ms, err := strconv.ParseInt(r.ran(1, which)[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return ms
			}
			ran("now")
			ran("past")
			if early := due.UnixMilli() - ran("late"); early > 0 {
				t.Errorf("%d ms too early", early)
			}
			r.ended(3) // what was only put off has not been run
		})
	}
}

// Producers that know when put their entries there themselves, also while gordon
// thinks that nothing is due for long.
func TestDelayedByAProducer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1" >>"$D/runs"`)
	r.start()
	now := time.Now()
	add := func(names ...string) {
		args := []any{"q:T:delayed"}
		for _, name := range names {
			after := map[string]time.Duration{"never": time.Hour, "third": 300 * time.Millisecond, "second": 200 * time.Millisecond, "first": -time.Hour}[name]
			args = append(args, now.Add(after).UnixMilli(), `{"args":["`+name+`"]}`)
		}
		r.server.Do(t, "ZADD", args...)
	}
	add("never")
	add("third", "second", "first")
	if diff := cmp.Diff([]string{"first", "second", "third"}, r.ran(3, "runs")); diff != "" {
		t.Error(diff)
	}
	if left := r.delayed("T"); len(left) != 1 {
		t.Errorf("delayed: %q", left)
	}
}

// fall has n entries of a type be due at once.
func fall(t *testing.T, server *redistest.Server, taskType string, n int) {
	t.Helper()
	server.Do(t, "EVAL", "for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], i, i) end", 1, "q:"+taskType+":delayed", n)
}

// What Redis refuses for one type does not hold up the others.
func TestDueBesideAQueueOfTheWrongType(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", ":")
	r.task("U", ":")
	r.server.Do(t, "SADD", "q:paused", "T", "U")
	r.server.Do(t, "SET", "q:T", "no list")
	fall(t, r.server, "T", 1)
	const n = 200 * store.DueBatch // with a pause after each batch, two minutes
	fall(t, r.server, "U", n)
	r.start()
	r.until("all are in their queue", func() bool { return r.server.Do(t, "LLEN", "q:U").(int64) == n })
}

// A flood of what is due does not hold up what else is heard.
func TestCancelDuringAFlood(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	const n = 2000 * store.DueBatch
	var waiting []int
	log := discard()
	ctx, stop := context.WithCancel(t.Context())
	client := store.NewClient(store.Options{Network: "unix", Address: server.Socket, Instance: "test"})
	w := watch.New(client, loop.NewHealth(log, "here"), watch.Options{
		Keys: store.Keys{Prefix: "q"}, Log: log, Times: store.DefaultTimes(),
		Types: func() []string { return []string{"T"} }, Paused: func(map[string]bool) {},
		Cancel: func(string) int {
			left, err := redis.Int(server.Do(t, "ZCARD", "q:T:delayed"), nil)
			if err != nil {
				t.Error(err)
			}
			waiting = append(waiting, left)
			return 0
		},
	})
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-w.Tried()
	fall(t, server, "T", n)
	server.Do(t, "PUBLISH", "q:control", `{"cancel":"x"}`)
	before := server.Do(t, "ZCARD", "q:T:delayed").(int64)
	for server.Do(t, "LLEN", "q:T").(int64) < n {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	running.Wait()
	// Where this test itself was held up, the flood was over, and nothing is shown.
	if before > n/4 && (len(waiting) != 1 || waiting[0] == 0) {
		t.Errorf("cancelled when %d waited, heard when %d did", before, waiting)
	}
}

// Redis is asked nothing while nothing is due.
func TestDelayedEntriesCostNothingAtIdle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", ":")
	for i := range 10_000 {
		r.server.Do(t, "ZADD", "q:T:delayed", time.Now().Add(time.Hour).UnixMilli()+int64(i), i)
	}
	r.start()
	commands := func() int {
		info, err := redis.String(r.server.Do(t, "INFO", "commandstats"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(info) {
			var calls int
			if n, _ := fmt.Sscanf(line, "cmdstat_zrange:calls=%d,", &calls); n == 1 {
				return calls
			}
		}
		return 0
	}
	last := -1
	r.until("no look within half a second", func() bool {
		time.Sleep(500 * time.Millisecond) // the time that is measured
		before := last
		last = commands()
		return last > 0 && last == before
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ entry, message string }{
		"has passed":                 {`{"deadline":5}`, "not started: its deadline was 1970-01-01T00:00:05Z"},
		"would pass in the meantime": {`{"deadline":"9000-01-01T00:00:00Z","run_at":"9000-01-01T00:00:00Z"}`, "not started: its deadline is 9000-01-01T00:00:00Z, and it may not run before"},
		"both":                       {`{"deadline":"2000-01-01T00:00:00Z","delay":60}`, "not started: its deadline was 2000-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `touch "$D/ran"`)
			record := failOne(t, r, tt.entry)
			if record["error_message"] != tt.message || record["outcome"] != "expired" || r.exists("ran") {
				t.Errorf("%v", record)
			}
		})
	}
	t.Run("no retry after it", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.task("T", `exit 3`, attempts(5, func(retry *config.Retry) { retry.Delay, retry.DelayMax = time.Hour, time.Hour }))
		deadline := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
		record := failOne(t, r, `{"deadline":"`+deadline+`"}`)
		if record["error_message"] != "exit status 3\nnot retried: its deadline is "+deadline || record["attempt"] != 1.0 {
			t.Errorf("%v", record)
		}
		if !strings.Contains(r.log.String(), `exit status 3\nnot retried`) {
			t.Error("the log does not say why it is not retried")
		}
	})
	t.Run("in time", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.task("T", `touch "$D/ran"`)
		r.push("T", fmt.Sprintf(`{"deadline":%d,"delay":0.01}`, time.Now().Add(time.Hour).Unix()))
		r.start()
		r.ended(1)
		if !r.exists("ran") || len(r.failed("T")) != 0 {
			t.Errorf("failed: %q", r.failed("T"))
		}
	})
}

// An entry can only shorten the time that its task allows.
func TestEntryTimeout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		task    time.Duration
		entry   string
		message string
	}{
		"none of the task":   {0, "0.2", "timed out after 200ms"},
		"shorter":            {time.Hour, `"200ms"`, "timed out after 200ms"},
		"longer is the task": {200 * time.Millisecond, "3600", "timed out after 200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", "sleep 60", timeout(tt.task, time.Second))
			if record := failOne(t, r, `{"timeout":`+tt.entry+`}`); record["error_message"] != tt.message || record["outcome"] != "timed out" {
				t.Errorf("%v", record)
			}
		})
	}
}

func TestEntryID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$GORDON_ENTRY_ID" >>"$D/ids"`)
	r.push("T", `{"id":"a-b"}`, `{"id":17}`, `{}`)
	r.start()
	r.ended(3)
	if got := r.read("ids"); got != "a-b\n17\n\n" {
		t.Errorf("%q", got)
	}
	if !strings.Contains(r.log.String(), "entry_id=a-b") {
		t.Error("the log does not name the entry")
	}
}

// What a record says of a run is what has happened.
func TestFailedRecordTellsHowItWent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `sleep 0.2; kill -KILL $$`)
	before := time.Now().Truncate(time.Millisecond)
	record := failOne(t, r, "{}")
	began, err := time.Parse(time.RFC3339, record["started_at"].(string))
	if err != nil || began.Before(before) || time.Since(began) < 200*time.Millisecond {
		t.Errorf("started_at %v, %v", record["started_at"], err)
	}
	if record["signal"] != "SIGKILL" || record["exit_status"] != nil || record["outcome"] != "signal" {
		t.Errorf("%v", record)
	}
	if ms := record["duration_ms"].(float64); ms < 200 || ms > 20_000 {
		t.Errorf("duration_ms %v", ms)
	}
}

// The record on the failed list is JSON that 1.6.5's readers can read.
func TestRecordForReadersOf16(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `exit 3`)
	failOne(t, r, `{"args":["a"],"env":{"K":"V"}}`)
	var old struct {
		Args         []string          `json:"args"`
		Env          map[string]string `json:"env"`
		ErrorMessage string            `json:"error_message"`
	}
	if err := json.Unmarshal([]byte(r.failed("T")[0]), &old); err != nil || old.ErrorMessage != "exit status 3" || len(old.Args) != 1 || old.Env["K"] != "V" {
		t.Errorf("%+v, %v", old, err)
	}
}
