package taskqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/redistest"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// refused starts a pool that has to be refused, within a minute at most, and returns
// why.
func (r *rig) refused(patience time.Duration) error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	pool, err := r.tryStart(ctx)
	if err == nil {
		pool.Shutdown(0, time.Second, nil)
		r.t.Fatal("it starts")
	}
	if !errors.Is(err, ErrRedis) {
		r.t.Errorf("got %v", err)
	}
	return err
}

// on has the rig use another r.server, with one entry in the queue T.
func (r *rig) on(s *redistest.Server) {
	r.t.Helper()
	r.config.RedisAddress = s.Socket
	r.task("T", `echo x >>"$D/done"`)
	s.Push(r.t, r.config.QueueKey+":T", "{}")
}

// wasLeft fails the test unless the entry is in its queue and nothing else is there.
func (r *rig) wasLeft(s *redistest.Server) {
	r.t.Helper()
	if keys := s.Keys(r.t, "*"); len(keys) != 1 || keys[0] != r.config.QueueKey+":T" {
		r.t.Errorf("in redis are %q", keys)
	}
}

// Without a command that is needed later, an entry would be taken that could never be
// finished.
func TestStartWithoutACommand(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"EVAL", "SUBSCRIBE", "LTRIM"} {
		r := newRig(t)
		s := redistest.New(t, "--rename-command", command, "")
		r.on(s)
		began := time.Now()
		if err := r.refused(time.Minute); !errors.Is(err, store.ErrMissing) || !strings.HasSuffix(err.Error(), ": "+command) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it waits for %v, though a command does not come back", took)
		}
		r.wasLeft(s)
	}
}

// A user that may not call EVAL is refused before any entry is taken as well.
func TestStartWithoutTheRightToScripts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := redistest.New(t)
	r.on(s)
	s.Do(t, "ACL", "SETUSER", "default", "-eval")
	err := r.refused(500 * time.Millisecond)
	s.Do(t, "ACL", "SETUSER", "default", "+eval")
	if !errors.Is(err, &store.ReplyError{Code: "NOPERM"}) {
		t.Errorf("got %v", err)
	}
	r.wasLeft(s)
}

// newCluster is a cluster of one node that has all slots.
func newCluster(t *testing.T) *redistest.Server {
	t.Helper()
	// Without a port of its own, the nodes' bus would be at 10000, for all that run.
	s := redistest.New(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", redistest.FreePorts(t, 1)[0])
	slots := make([]any, 0, 1+16384)
	slots = append(slots, "ADDSLOTS")
	for slot := range 16384 {
		slots = append(slots, slot)
	}
	s.Do(t, "CLUSTER", slots...)
	return s
}

func TestClusterNeedsAHashTag(t *testing.T) {
	t.Parallel()
	s := newCluster(t)
	r := newRig(t)
	r.until("the cluster is up", func() bool {
		info, _ := s.Do(t, "CLUSTER", "INFO").([]byte)
		return strings.Contains(string(info), "cluster_state:ok")
	})
	r.on(s)
	if err := r.refused(time.Minute); !errors.Is(err, errCluster) || !strings.Contains(err.Error(), `queue_key = "{taskqueue}"`) {
		t.Errorf("got %v", err)
	}
	r.wasLeft(s)

	// With one, all works: what runs, fails, waits, is paused and cancelled.
	r.config.QueueKey = "{q}"
	r.on(s)
	r.task("fails", "exit 3")
	r.task("long", `echo x >"$D/long"; sleep 600`)
	r.start()
	s.Push(t, "{q}:fails", "{}")
	s.Push(t, "{q}:long", `{"id":"it"}`)
	s.Do(t, "ZADD", "{q}:T:delayed", 0, `{"args":["later"]}`)
	r.until("all have run", func() bool { return len(r.lines("done")) == 2 && r.exists("long") })
	r.until("the failure is on record", func() bool { return len(s.List(t, "{q}:fails:failed")) == 1 })
	s.Do(t, "SADD", "{q}:paused", "T")
	r.until("the type is paused", func() bool { return strings.Contains(r.log.String(), "the type is paused") })
	s.Do(t, "PUBLISH", "{q}:control", `{"cancel":"it"}`)
	r.until("the task is cancelled", func() bool { return len(s.List(t, "{q}:long:failed")) == 1 })
}

// A server that allows too few connections is not used at all: types would stand
// still, and producers find no place.
func TestTooFewConnections(t *testing.T) {
	t.Parallel()
	s := redistest.New(t, "--maxclients", "20")
	r := newRig(t)
	r.on(s)
	for i := range 9 {
		r.task(fmt.Sprintf("T%d", i), ":")
	}
	err := r.refused(500 * time.Millisecond)
	if !errors.Is(err, errCrowded) || !strings.Contains(err.Error(), "maxclients in redis.conf is 20") || !strings.Contains(err.Error(), "needs 25 for 10 types") {
		t.Errorf("got %v", err)
	}
	r.wasLeft(s)
	for i := range 5 {
		delete(r.config.Tasks, fmt.Sprintf("T%d", i))
	}
	r.start()
	r.until("it runs", func() bool { return len(r.lines("done")) == 1 })
	for i := range 5 {
		r.task(fmt.Sprintf("T%d", i), ":")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.tryReload(ctx, func() { t.Error("committed") }); !errors.Is(err, errCrowded) {
		t.Errorf("a reload: got %v", err)
	}
}

// Who waits is told why, and not each time.
func TestWaitForRedisIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config.RedisAddress = r.file("none")
	r.task("T", ":")
	err := r.refused(silentFor + 3*time.Second)
	if got := strings.Count(r.log.String(), "waiting for redis"); got != 1 || !strings.Contains(r.log.String(), "no such file or directory") {
		t.Errorf("said %d times; %v", got, err)
	}
}
