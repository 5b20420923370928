package faulttest

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

const documents = "../../docs/reliability.md"

// documented returns the line of the documents that makes an ACL user, as the
// arguments of ACL, with a password.
func documented(t *testing.T, user, password string) []any {
	t.Helper()
	content, err := os.ReadFile(documents)
	if err != nil {
		t.Fatal(err)
	}
	prefix := "ACL SETUSER " + user + " "
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, prefix) {
			words := strings.Fields(strings.ReplaceAll(line, "PASSWORD", password))
			args := make([]any, 0, len(words))
			for _, w := range words[1:] {
				args = append(args, w)
			}
			return args
		}
	}
	t.Fatalf("%s has no line %q", documents, prefix)
	return nil
}

// The documented rights are enough for all that gordon does, and it needs every
// one of them.
func TestDocumentedRights(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	const password = "secret-of-the-test"
	rights := documented(t, "gordon", password)
	s.do("ACL", rights...)
	s.do("ACL", "LOG", "RESET")
	s.Write("password", password)
	check(s, os.Chmod(s.File("password"), 0o600))
	s.QueueKey = "taskqueue"
	login := "[redis]\nusername = \"gordon\"\npassword_file = \"" + s.File("password") + "\"\ndatabase = 2\n"
	s.Configure("shutdown_timeout = \"100ms\"\n" + login + s.Task(quick, 2) + s.Task(fails, 1) + s.Task(long, 1))
	s.do("SELECT", 2)
	s.do("CONFIG", "RESETSTAT")
	s.live()
	s.notAllowed()
	s.allUsed(rights)
}

// live leads a gordon through all that it does.
func (s *scene) live() {
	s.t.Helper()
	s.start()
	s.do("RPUSH", "taskqueue:quick", gordontest.Numbered(0))
	s.do("RPUSH", "taskqueue:fails", gordontest.Numbered(0))
	s.do("RPUSH", "taskqueue:long", gordontest.Numbered(0))
	s.waitLines(quick, 1)
	s.waitLines(fails, 1)
	s.waitLines("long.started", 1)
	gordontest.Until(s.t, "only the long task is left", func() bool {
		running, err := redis.Strings(s.do("KEYS", "*:run:*"), nil)
		return err == nil && len(running) == 1 && strings.HasPrefix(running[0], "taskqueue:long:")
	})

	// An entry for later, which the watcher moves when it is due.
	s.do("RPUSH", "taskqueue:quick", `{"args":["later"],"delay":0.1}`)
	s.waitLines(quick, 2)

	// Recovery of the long task.
	s.daemon.Signal(syscall.SIGKILL)
	<-s.daemon.Gone
	s.start()
	s.waitLines("long.started", 2)

	// A loss that the server does not notice.
	s.proxy.CutClients()
	s.daemon.Says("lost connection to redis")
	s.do("RPUSH", "taskqueue:quick", gordontest.Numbered(1))
	s.waitLines(quick, 3)
	s.daemon.Says("reconnected to redis")

	// A connection that has rested is asked whether it still works.
	time.Sleep(5100 * time.Millisecond)
	s.do("RPUSH", "taskqueue:quick", gordontest.Numbered(2))
	s.waitLines(quick, 4)

	// All that failed, once more, in a way that gives the queue a TTL.
	s.do("RENAME", "taskqueue:fails:failed", "taskqueue:fails")
	s.waitLines(fails, 2)

	s.daemon.Reload("reloaded", 1)
	s.do("RPUSH", "taskqueue:fails", gordontest.Numbered(1))
	s.waitLines(fails, 3)
	s.daemon.Stop() // with a task that has to be put back
	left, err := redis.Strings(s.do("KEYS", "*"), nil)
	check(s, err)
	want := map[string]int{"taskqueue:fails:failed": 1, "taskqueue:long": 1}
	if diff := cmp.Diff(want, counts(left)); diff != "" {
		s.t.Errorf("left in redis: %s", diff)
	}
}

// notAllowed checks that nothing was refused.
func (s *scene) notAllowed() {
	s.t.Helper()
	refused, err := redis.Values(s.do("ACL", "LOG"), nil)
	check(s, err)
	for _, r := range refused {
		entry, err := redis.StringMap(r, nil)
		s.t.Errorf("refused: %v %v", entry, err)
	}
}

// allUsed checks that each command among the rights was called.
func (s *scene) allUsed(rights []any) {
	s.t.Helper()
	stats, err := redis.String(s.do("INFO", "commandstats"), nil)
	check(s, err)
	for _, r := range rights {
		if command, ok := strings.CutPrefix(r.(string), "+"); ok && !strings.Contains(stats, "cmdstat_"+command+":") {
			s.t.Errorf("the right %s is not needed", r)
		}
	}
}

// A producer may push, and neither read nor take away what others have pushed.
func TestDocumentedRightsOfAProducer(t *testing.T) {
	t.Parallel()
	s := redistest.New(t)
	s.Do(t, "ACL", documented(t, "producer", "secret")...)
	c := s.Conn(t)
	if _, err := c.Do("AUTH", "producer", "secret"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do("RPUSH", "taskqueue:mail", "{}"); err != nil {
		t.Errorf("push: %v", err)
	}
	for _, command := range [][]any{
		{"LRANGE", "taskqueue:mail", 0, -1},
		{"DEL", "taskqueue:mail"},
		{"LPOP", "taskqueue:mail"},
		{"RPUSH", "another", "{}"},
		{"KEYS", "*"},
		{"FLUSHALL"},
		{"EVAL", "return 1", 0},
	} {
		_, err := c.Do(command[0].(string), command[1:]...)
		var refused redis.Error
		if !errors.As(err, &refused) || !strings.HasPrefix(string(refused), "NOPERM") {
			t.Errorf("%v: %v, want a NOPERM", command, err)
		}
	}
}
