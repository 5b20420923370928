package daemontest

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStopWaitsForWhatRuns(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSite(t)
			s.script("T.sh", stays)
			s.configure(s.task("T", 1))
			server.Push(t, "q:T", numbered(1), numbered(2))
			d := s.start()
			until(t, "one runs", func() bool { return len(s.lines("started")) == 1 })
			d.signal(sig)
			d.says("stopping")
			s.write("go", "")
			if code := d.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if diff := cmp.Diff([]string{"1"}, s.lines("done")); diff != "" {
				t.Errorf("done: %s", diff)
			}
			if diff := cmp.Diff([]string{"q:T"}, leftInRedis(t, server)); diff != "" {
				t.Errorf("left in redis: %s", diff)
			}
		})
	}
}

func TestStopPutsBackWhatOutlastsTheTimeout(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", `trap '' TERM; `+stays)
	s.configure("shutdown_timeout = \"50ms\"\nkill_grace = \"200ms\"\n" + s.task("T", 2))
	server.Push(t, "q:T", numbered(1), numbered(2), numbered(3))
	d := s.start()
	until(t, "two run", func() bool { return len(s.lines("started")) == 2 })
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if diff := cmp.Diff([]string{numbered(1), numbered(2), numbered(3)}, server.List(t, "q:T")); diff != "" {
		t.Errorf("the queue: %s", diff)
	}
	if diff := cmp.Diff([]string{"q:T"}, leftInRedis(t, server)); diff != "" {
		t.Errorf("left in redis: %s", diff)
	}
}

func TestASecondSignalHastensTheStop(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", stays)
	s.configure("shutdown_timeout = \"1h\"\n" + s.task("T", 1))
	server.Push(t, "q:T", numbered(1))
	d := s.start()
	until(t, "it runs", func() bool { return len(s.lines("started")) == 1 })
	d.signal(syscall.SIGTERM)
	d.says("stopping")
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if diff := cmp.Diff([]string{numbered(1)}, server.List(t, "q:T")); diff != "" {
		t.Errorf("the queue: %s", diff)
	}
}

func TestStopWhileRedisIsAwaited(t *testing.T) {
	s := newSite(t)
	s.socket = "/nonexistent/redis"
	s.configure("start_timeout = \"1h\"")
	n := listenNotify(t)
	d := s.run([]string{"NOTIFY_SOCKET=" + n.path})
	n.hears("STATUS=waiting for redis at /nonexistent/redis")
	n.hears("EXTEND_TIMEOUT_USEC=")
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestStopWhileRedisIsDown(t *testing.T) {
	s := newSite(t)
	redis := ownRedis(t)
	s.socket = redis.Socket
	s.script("T.sh", "")
	s.configure(s.task("T", 1))
	d := s.start()
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	d.says("redis is lost")
	began := time.Now()
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("nothing ran, yet the stop took %v", took)
	}
}

func TestStopDuringAReloadThatWaitsForRedis(t *testing.T) {
	s := newSite(t)
	s.script("T.sh", "")
	s.configure(s.task("T", 1))
	n := listenNotify(t)
	d := s.run([]string{"NOTIFY_SOCKET=" + n.path})
	n.hears("READY=1")
	s.socket = "/nonexistent/redis"
	s.configure("start_timeout = \"1h\"\n" + s.task("T", 1))
	d.signal(syscall.SIGHUP)
	n.hears("RELOADING=1")
	d.signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
