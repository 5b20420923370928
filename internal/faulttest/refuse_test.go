package faulttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
)

const saved = "--save 3600 1000000"

// Redis answers, and refuses.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, y := range []story{
		{
			name: "READONLY", states: "(READONLY|UNBLOCKED) back", status: "refuses (READONLY)",
			// Nobody listens there: the server stays a replica without a master.
			begin: func(s *scene) { s.do("REPLICAOF", "127.0.0.1", 1) },
			end:   func(s *scene) { s.do("REPLICAOF", "NO", "ONE") },
		},
		{
			name: "OOM", states: "OOM back", status: "refuses (OOM)",
			begin: func(s *scene) { s.config("maxmemory", "1") },
			end:   func(s *scene) { s.config("maxmemory", "0") },
		},
		{
			name: "NOAUTH", states: "(lost )?NOAUTH( lost)? back", status: "refuses (NOAUTH)",
			begin: func(s *scene) {
				s.config("requirepass", "secret")
				s.do("CLIENT", "KILL", "TYPE", "normal")
			},
			end: func(s *scene) { s.config("requirepass", "") },
		},
		{
			name: "NOPERM", states: "(NOPERM|ERR) back", status: "refuses (NOPERM)",
			begin: func(s *scene) { s.do("ACL", "SETUSER", "default", "-@write") },
			end:   func(s *scene) { s.do("ACL", "SETUSER", "default", "+@write") },
		},
		{
			name: "MISCONF", args: strings.Fields(saved), states: "MISCONF back", status: "refuses (MISCONF)",
			begin: cannotSave, end: canSave,
		},
		{
			name: "LOADING", args: append(strings.Fields(saved), "--loading-process-events-interval-bytes", "1024"),
			states: "lost LOADING( lost)? back", status: "refuses (LOADING)", begin: load3s,
			end: func(s *scene) { s.t.Helper(); check(s, s.redis.Await()); s.admin = s.redis.Conn(s.t) },
		},
	} {
		y.answers, y.lasts = y.name != "LOADING", 2*time.Second
		t.Run(y.name, y.tell)
	}
}

// cannotSave has a snapshot fail, as on a full disk: the file's name is taken by
// a folder. Redis then refuses to write (stop-writes-on-bgsave-error).
func cannotSave(s *scene) {
	s.t.Helper()
	check(s, os.Mkdir(filepath.Join(s.redis.Dir(), "dump.rdb"), 0o700))
	s.save("err")
}

func canSave(s *scene) {
	s.t.Helper()
	check(s, os.Remove(filepath.Join(s.redis.Dir(), "dump.rdb")))
	s.save("ok")
}

func (s *scene) save(result string) {
	s.t.Helper()
	s.do("BGSAVE")
	gordontest.Until(s.t, "the snapshot ends: "+result, func() bool {
		info, err := redis.String(s.do("INFO", "persistence"), nil)
		return err == nil && strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "rdb_last_bgsave_status:"+result)
	})
}

// load3s restarts Redis with so much to load that it takes about 3 s.
func load3s(s *scene) {
	s.t.Helper()
	for n := range 3000 {
		check(s, s.admin.Send("SET", n, strings.Repeat("x", 100)))
	}
	check(s, s.admin.Flush())
	s.do("PING")
	s.redis.Args("--key-load-delay", "1000")
	shutdown(s)
	check(s, s.redis.Launch())
}

// Where Redis may throw entries away, gordon says so at the start, and goes on
// when it did.
func TestEviction(t *testing.T) {
	t.Parallel()
	s := newScene(t, false, "--maxmemory-policy", "allkeys-lru")
	s.push(probe, 1)
	s.start()
	s.daemon.Says("set maxmemory-policy to noeviction")
	s.waitLines(probe, 1)
	s.push(mid, 1)
	s.waitLines("mid.started", 1)
	s.config("maxmemory", "1") // all keys go
	gordontest.Until(t, "all keys are gone", func() bool { return len(s.redis.Keys(t, "*")) == 0 })
	s.config("maxmemory", "0")
	s.Write("mid.go", "")
	s.push(quick, 20)
	s.waitLines(quick, 20)
	s.daemon.Says("was not in its run list")
	gordontest.Until(t, "all is told", s.settled)
	s.daemon.Stop()
	s.once(quick, 20, s.Lines(quick))
	s.once("failed list", 1, s.onFailedList(mid))
}
