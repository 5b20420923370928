package faulttest

import (
	"syscall"
	"testing"
	"time"
)

func check(s *scene, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func kill(s *scene)     { s.t.Helper(); check(s, s.redis.Kill()) }
func shutdown(s *scene) { s.t.Helper(); check(s, s.redis.Shutdown()) }
func boot(s *scene)     { s.t.Helper(); check(s, s.redis.Boot()) }

func signal(sig syscall.Signal) func(*scene) {
	return func(s *scene) { s.t.Helper(); check(s, s.redis.Signal(sig)) }
}

const unreachable = "not reachable"

// Redis goes away and comes back.
func TestRestarts(t *testing.T) {
	t.Parallel()
	for _, y := range []story{
		{
			name: "kill -9, AOF", args: []string{"--appendonly", "yes", "--appendfsync", "always"},
			begin: kill, end: boot, lasts: time.Second, states: "lost back", status: unreachable,
		},
		{
			name: "shutdown, RDB", args: []string{"--save", "3600 1000000"},
			begin: shutdown, end: boot, lasts: time.Second, states: "lost back", status: unreachable,
		},
		{
			name: "kill -9, nothing kept", forgets: true,
			begin: kill, end: boot, lasts: time.Second, states: "lost back", status: unreachable,
		},
		{
			name: "stopped", begin: signal(syscall.SIGSTOP), end: signal(syscall.SIGCONT),
			lasts: *stopFor, states: "lost back", status: unreachable,
		},
	} {
		t.Run(y.name, y.tell)
	}
}
