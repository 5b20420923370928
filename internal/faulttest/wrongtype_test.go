package faulttest

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

const refusesType = "redis refuses (WRONGTYPE)"

// wrongNames are the names of gordon's keys, each taken by a key of another type
// that somebody else made. In each case the types that do not need it go on, and
// once it is removed all is done that was pushed, and told once.
var wrongNames = []struct {
	name string
	// before is made before gordon starts, after when it is up; I is the
	// instance.
	before, after string
	// harmless: gordon does its work all the same.
	harmless bool
	// all: nothing can be done without it, and stops: nothing new is taken.
	all, stops bool
}{
	{name: "queue", before: "q:probe"},
	{name: "failed list", before: "q:fails:failed"},
	{name: "run list", after: "q:probe:run:I:1"},
	{name: "instances", before: "q:instances", all: true},
	{name: "lease", after: "q:instance:I", harmless: true},
	{name: "connections", after: "q:instance:I:connections", harmless: true},
	{name: "mark of a takeover", after: "q:instance:I:taken", harmless: true},
	{name: "mark of a suspect", after: "q:instance:I:suspect", harmless: true},
	{name: "notes", after: "q:instances:I", stops: true},
}

func TestKeysOfTheWrongType(t *testing.T) {
	t.Parallel()
	for _, w := range wrongNames {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, false)
			key := w.before
			if key != "" {
				s.do("SET", key, "somebody else's")
			}
			s.daemon = s.Run([]string{s.notify.Env()})
			if !w.all {
				s.daemon.Says("gordon is up")
			}
			if w.after != "" {
				key = strings.ReplaceAll(w.after, "I", s.instance())
				s.replace(key)
				if w.stops { // that was the right type
					s.do("SET", key, "somebody else's")
				}
			}
			s.push(quick, 20)
			if key != "q:probe" {
				s.push(probe, 1)
			}
			s.push(fails, 5)
			if w.stops {
				s.notify.Hears(refusesType)
			} else {
				s.withWrongKey(w.all, w.harmless)
			}
			s.do("DEL", key)
			if key == "q:probe" {
				s.push(probe, 1)
			}
			s.waitLines(probe, 1)
			s.finish()
			if !w.harmless && !w.all && strings.Count(s.daemon.Printed(), "redis refuses") != 1 {
				t.Errorf("the log tells of %q", s.states())
			}
		})
	}
}

// replace makes a key one of another type, in one step: gordon may write to it at
// any moment.
func (s *scene) replace(key string) {
	s.t.Helper()
	check(s, s.admin.Send("MULTI"))
	check(s, s.admin.Send("DEL", key))
	check(s, s.admin.Send("HSET", key, "somebody", "else's"))
	s.do("EXEC")
}

// withWrongKey waits until gordon has said what is wrong, and done what it can.
func (s *scene) withWrongKey(all, harmless bool) {
	s.t.Helper()
	if all {
		s.notify.Hears("STATUS=waiting for redis")
		gordontest.Until(s.t, "Redis has refused", func() bool {
			info, err := redis.String(s.do("INFO", "errorstats"), nil)
			return err == nil && strings.Contains(info, "errorstat_WRONGTYPE")
		})
		return
	}
	s.waitLines(quick, 20)
	if !harmless {
		s.notify.Hears(refusesType)
		return
	}
	s.daemon.Reload("reloaded", 1) // which renews the lease
	gordontest.Until(s.t, "the failures are told", func() bool { return len(s.onFailedList(fails)) >= 5 })
}

// finish waits until all is told, and accounts for what was pushed.
func (s *scene) finish() {
	s.t.Helper()
	s.daemon.Says("gordon is up")
	s.waitLines(quick, s.pushed[quick])
	s.waitLines(fails, s.pushed[fails])
	gordontest.Until(s.t, "all is told", s.settled)
	s.daemon.Stop()
	s.once(quick, s.pushed[quick], s.Lines(quick))
	s.once(probe, s.pushed[probe], s.Lines(probe))
	s.once(fails, s.pushed[fails], s.Lines(fails))
	s.once("failed list", s.pushed[fails], s.onFailedList(fails))
	for _, key := range s.redis.Keys(s.t, s.QueueKey+":*") {
		if !strings.HasSuffix(key, ":failed") {
			s.t.Errorf("left in redis: %s", key)
		}
	}
}

// instance is the id of the only instance on record.
func (s *scene) instance() string {
	s.t.Helper()
	ids, err := redis.Strings(s.do("HKEYS", s.QueueKey+":instances"), nil)
	if err != nil || len(ids) != 1 {
		s.t.Fatalf("instances %v, %v", ids, err)
	}
	return ids[0]
}

// What gordon says to a server that is too old, and how it ends: there is none in
// reach, so one answers as it would.
func TestOldServer(t *testing.T) {
	t.Parallel()
	s := gordontest.NewSite(t, binary, gordontest.Unix(oldServer(t)))
	s.Script(quick, "")
	s.Configure(s.Task(quick, 1))
	d := s.Run(nil)
	if code := d.Exit(); code != 69 {
		t.Errorf("exit code %d, want 69", code)
	}
	for _, part := range []string{"6.0.16", "Redis 6.2 or newer"} {
		if !strings.Contains(d.Printed(), part) {
			t.Errorf("does not say %q: %s", part, d.Printed())
		}
	}
}
