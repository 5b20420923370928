package daemontest

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

func TestStopWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Script("T", stays)
			s.Configure(s.Task("T", 1))
			s.server.Push(t, "q:T", gordontest.Numbered(1), gordontest.Numbered(2))
			d := s.Start()
			gordontest.Until(t, "one runs", func() bool { return len(s.Lines("started")) == 1 })
			d.Signal(sig)
			d.Says("stopping")
			s.Write("go", "")
			if code := d.Exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if diff := cmp.Diff([]string{"1"}, s.Lines("done")); diff != "" {
				t.Errorf("done: %s", diff)
			}
			if diff := cmp.Diff([]string{"q:T"}, leftInRedis(t, s.server)); diff != "" {
				t.Errorf("left in redis: %s", diff)
			}
		})
	}
}

// Ctrl-C in the terminal that gordon was started in is for gordon alone. Its tasks
// have no terminal: they neither get the signal nor can be stopped for reading.
func TestCtrlCStopsGordonAndNoTask(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	keyboard, terminal := gordontest.Terminal(t)
	s.Launch = func(cmd *exec.Cmd) error {
		cmd.Stdin, cmd.SysProcAttr = terminal, &syscall.SysProcAttr{Setsid: true, Setctty: true}
		return cmd.Start()
	}
	s.Script("T", `trap 'echo hit >>"$D/signals"' INT TERM HUP QUIT TSTP
		for try in "read x" "stty sane" "echo x"; do
			(eval "$try" </dev/tty >/dev/tty) 2>/dev/null && echo "$try" >>"$D/terminal"
		done; `+stays)
	s.Configure(s.Task("T", 1))
	s.server.Push(t, "q:T", gordontest.Numbered(1))
	d := s.Start()
	gordontest.Until(t, "the task runs, whatever it does to the terminal", func() bool { return len(s.Lines("started")) == 1 })
	if _, err := keyboard.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	d.Says("stopping")
	s.Write("go", "")
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if s.Read("signals")+s.Read("terminal") != "" || !slices.Equal(s.Lines("done"), []string{"1"}) {
		t.Errorf("the task got %q, has used the terminal: %q, done: %q", s.Read("signals"), s.Read("terminal"), s.Lines("done"))
	}
}

func TestStopPutsBackWhatOutlastsTheTimeout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", `trap '' TERM; `+stays)
	s.Configure("shutdown_timeout = \"50ms\"\nkill_grace = \"200ms\"\n" + s.Task("T", 2))
	s.server.Push(t, "q:T", gordontest.Numbered(1), gordontest.Numbered(2), gordontest.Numbered(3))
	d := s.Start()
	gordontest.Until(t, "two run", func() bool { return len(s.Lines("started")) == 2 })
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if diff := cmp.Diff([]string{gordontest.Numbered(1), gordontest.Numbered(2), gordontest.Numbered(3)}, s.server.List(t, "q:T")); diff != "" {
		t.Errorf("the queue: %s", diff)
	}
	if diff := cmp.Diff([]string{"q:T"}, leftInRedis(t, s.server)); diff != "" {
		t.Errorf("left in redis: %s", diff)
	}
}

func TestASecondSignalHastensTheStop(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", stays)
	s.Configure("shutdown_timeout = \"1h\"\n" + s.Task("T", 1))
	s.server.Push(t, "q:T", gordontest.Numbered(1))
	d := s.Start()
	gordontest.Until(t, "it runs", func() bool { return len(s.Lines("started")) == 1 })
	d.Signal(syscall.SIGTERM)
	d.Says("stopping")
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if diff := cmp.Diff([]string{gordontest.Numbered(1)}, s.server.List(t, "q:T")); diff != "" {
		t.Errorf("the queue: %s", diff)
	}
}

func TestStopWhileRedisIsAwaited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Redis = gordontest.Unix("/nonexistent/redis")
	s.Configure("start_timeout = \"1h\"")
	n := gordontest.ListenNotify(t)
	d := s.Run([]string{n.Env()})
	n.Hears("STATUS=waiting for redis at /nonexistent/redis")
	n.Hears("EXTEND_TIMEOUT_USEC=")
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestStopWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	redis := redistest.New(t)
	s.Redis = gordontest.Unix(redis.Socket)
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	d := s.Start()
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	d.Says("lost connection to redis")
	began := time.Now()
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("nothing ran, yet the stop took %v", took)
	}
}

func TestStopDuringAReloadThatWaitsForRedis(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", "")
	s.Configure(s.Task("T", 1))
	n := gordontest.ListenNotify(t)
	d := s.Run([]string{n.Env()})
	n.Hears("READY=1")
	s.Redis = gordontest.Unix("/nonexistent/redis")
	s.Configure("start_timeout = \"1h\"\n" + s.Task("T", 1))
	d.Signal(syscall.SIGHUP)
	n.Hears("RELOADING=1")
	d.Signal(syscall.SIGTERM)
	if code := d.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
