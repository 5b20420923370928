package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/config"
)

func TestEntriesRunInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$1" >>"$D/seen"`)
	for i := range 20 {
		r.push("T", fmt.Sprintf(`{"args":["%d"]}`, i))
	}
	r.start()
	r.ended(20)
	for i, got := range r.lines("seen") {
		if got != fmt.Sprint(i) {
			t.Fatalf("ran %v", r.lines("seen"))
		}
	}
	if keys := r.server.Keys(t, "q:T*"); len(keys) != 0 {
		t.Errorf("left in redis: %v", keys)
	}
}

func TestWorkersBoundTheTasksThatRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/run.$$"; ls "$D" | grep -c run >>"$D/seen"; while ! [ -e "$D/go" ]; do sleep 0.05; done; rm "$D/run.$$"`, workers(3))
	for range 9 {
		r.push("T", "{}")
	}
	r.start()
	r.until("three run", func() bool { return len(r.lines("seen")) == 3 })
	if n := r.counters.Snapshot().Running; n != 3 {
		t.Errorf("%d run", n)
	}
	if left := len(r.server.List(t, "q:T")); left != 6 {
		t.Errorf("%d wait, want 6", left)
	}
	r.write("go")
	r.ended(9)
}

func TestDrainWaitsAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `touch "$D/started"; while ! [ -e "$D/go" ]; do sleep 0.05; done; echo x >>"$D/done"`)
	r.push("T", "{}", "{}")
	r.start()
	r.until("the first runs", func() bool { return r.exists("started") })
	r.pool.Drain()
	r.write("go")
	<-r.pool.Over()
	if got := r.read("done"); got != "x\n" {
		t.Errorf("done: %q", got)
	}
	if diff := cmp.Diff([]string{"q:T"}, r.server.Keys(t, "*")); diff != "" {
		t.Errorf("redis after a clean stop: %s", diff)
	}
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T")); diff != "" {
		t.Error(diff)
	}
}

func TestDrainOfAnIdlePoolIsPrompt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "")
	r.task("U", "")
	r.start()
	redistest.WaitBlocked(t, r.server, 2)
	began := time.Now()
	r.pool.Drain()
	<-r.pool.Over()
	// Takes that are not withdrawn would last for r.times.Block.
	if d := time.Since(began); d > r.times.Block/2 {
		t.Errorf("took %v", d)
	}
	if keys := r.server.Keys(t, "*"); len(keys) != 0 {
		t.Errorf("left in redis: %v", keys)
	}
}

// Stopped tasks go back in the order in which they were taken, to the head.
func TestAbortPutsEntriesBackInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `trap 'echo "$1" >>"$D/term"; exit 0' TERM; echo "$1" >>"$D/started"; while :; do sleep 0.05; done`, workers(3))
	for i := range 5 {
		r.push("T", fmt.Sprintf(`{"args":["%d"]}`, i))
	}
	r.start()
	r.until("three run", func() bool { return len(r.lines("started")) == 3 })
	r.pool.Abort()
	<-r.pool.Over()
	want := []string{`{"args":["0"]}`, `{"args":["1"]}`, `{"args":["2"]}`, `{"args":["3"]}`, `{"args":["4"]}`}
	if diff := cmp.Diff(want, r.server.List(t, "q:T")); diff != "" {
		t.Error(diff)
	}
	if n := len(r.lines("term")); n != 3 {
		t.Errorf("%d saw SIGTERM", n)
	}
	if s := r.counters.Snapshot(); s.Failed != 0 || s.Done != 0 {
		t.Errorf("a stopped task counts as neither done nor failed: %+v", s)
	}
	if keys := r.server.Keys(t, "*"); len(keys) != 1 {
		t.Errorf("left in redis: %v", keys)
	}
}

func TestAbortKillsATreeThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `trap '' TERM; setsid sh -c 'trap "" TERM; echo $$ >"$1/escaped"; while :; do sleep 0.05; done' x "$D" & while :; do sleep 0.05; done`, timeout(0, 200*time.Millisecond))
	r.push("T", "{}")
	r.start()
	r.until("the tree runs", func() bool { return r.read("escaped") != "" })
	r.pool.Abort()
	<-r.pool.Over()
	if alive(t, strings.TrimSpace(r.read("escaped"))) {
		t.Error("a process that had escaped with setsid outlived the abort")
	}
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T")); diff != "" {
		t.Error(diff)
	}
}

// on_crash = "fail" means never a second run, whoever ended the first.
func TestAbortOfATaskThatMustNotRunTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.errorScript(`cp "$1" "$D/told"`)
	r.task("T", `touch "$D/started"; while :; do sleep 0.05; done`, func(t *config.Task) {
		t.OnCrash, t.Failed.TTL = config.CrashFail, 0
	})
	r.push("T", "{}", "{}")
	r.start()
	r.until("it runs", func() bool { return r.exists("started") })
	r.pool.Abort()
	<-r.pool.Over()
	if failed := r.failed("T"); len(failed) != 1 || !strings.Contains(failed[0], "gordon stopped this") {
		t.Errorf("failed list: %q", failed)
	}
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T")); diff != "" {
		t.Errorf("the one that never ran waits on: %s", diff)
	}
	if !strings.Contains(r.read("told"), "gordon stopped this") {
		t.Errorf("the error_script was told %q", r.read("told"))
	}
}

func TestShutdownStages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Only a further signal ends it.
	r.task("T", `trap '' TERM; touch "$D/started"; while :; do sleep 0.05; done`, timeout(0, time.Hour))
	r.push("T", "{}")
	r.start()
	r.until("it runs", func() bool { return r.exists("started") })
	faster := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.pool.Shutdown(time.Hour, time.Hour, faster)
	}()
	faster <- struct{}{} // do not wait: SIGTERM
	faster <- struct{}{} // and now SIGKILL
	<-ended
	if diff := cmp.Diff([]string{"{}"}, r.server.List(t, "q:T")); diff != "" {
		t.Error(diff)
	}
}

func TestBackoffRestsTheTypeAfterAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `date +%s%N >>"$D/seen"; exit 1`, workers(1), func(t *config.Task) {
		t.Backoff = config.Backoff{Enabled: true, Min: 100 * time.Millisecond, Max: 200 * time.Millisecond, Factor: 2}
	})
	r.task("U", `touch "$D/other"`)
	r.push("T", "{}", "{}", "{}", "{}")
	r.start()
	r.until("the first failed", func() bool { return len(r.failed("T")) == 1 })
	r.push("U", "{}")
	r.until("another type is not held up", func() bool { return r.exists("other") })
	r.ended(5)
	var times []int64
	for _, line := range r.lines("seen") {
		var ns int64
		if _, err := fmt.Sscan(line, &ns); err != nil {
			t.Fatal(err)
		}
		times = append(times, ns)
	}
	for i, least := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond} {
		if gap := time.Duration(times[i+1] - times[i]); gap < least {
			t.Errorf("rest %d was %v, want at least %v", i, gap, least)
		}
	}
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.RedisAddress = "/nonexistent/redis"
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := r.tryStart(ctx)
	if !errors.Is(err, ErrRedis) {
		t.Errorf("got %v", err)
	}
}

func TestAliveWithRedisDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := redistest.NewProxy(t, r.server)
	r.config.RedisAddress = p.Socket
	r.task("T", "")
	r.start()
	p.Decide(func([]byte) redistest.Fault { return redistest.BeforeRequest })
	p.CutAll()
	r.until("the loss is noticed", func() bool { return strings.Contains(r.pool.Health(), "redis not reachable") })
	if err := r.pool.Alive(t.Context()); err != nil {
		t.Errorf("redis being down is no hang: %v", err)
	}
	p.Decide(nil)
	r.until("reconnected to redis", func() bool { return strings.Contains(r.pool.Health(), "redis ok") })
	if lost, back := strings.Count(r.log.String(), "lost connection to redis"), strings.Count(r.log.String(), "reconnected to redis"); lost != 1 || back != 1 {
		t.Errorf("one line per change of state: lost %d, back %d", lost, back)
	}
}

func TestAliveNamesALoopThatHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "")
	r.start()
	release := make(chan struct{})
	q := r.pool.current.queues["T"]
	go q.do(func() { <-release })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r.until("the hang is seen", func() bool {
		err := r.pool.Alive(ctx)
		return err != nil && strings.Contains(err.Error(), `type "T"`)
	})
	close(release)
	if err := r.pool.Alive(t.Context()); err != nil {
		t.Errorf("after the hang: %v", err)
	}
	r.pool.current.actors = append(r.pool.current.actors, hungActor{})
	if err := r.pool.Alive(t.Context()); !errors.Is(err, errHung) {
		t.Errorf("an actor that hangs counts as alive: %v", err)
	}
}

// hungActor stands for an actor that does not move, which none of the real ones can be
// made to do.
type hungActor struct{ actor }

var errHung = errors.New("it hangs")

func (hungActor) Hangs() error { return errHung }
