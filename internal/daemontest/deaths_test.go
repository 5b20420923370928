package daemontest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nevsnode/gordon/v2/internal/gordontest"
	"github.com/nevsnode/gordon/v2/internal/redistest"
)

func killNine(d *gordontest.Daemon) {
	d.Signal(syscall.SIGKILL)
	<-d.Gone
}

// Each entry has its own count of deaths, however many are equal. The third death
// takes it to the failed list.
func TestEqualEntriesAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	const entries = 8
	s := newSite(t)
	s.Script("T", stays)
	s.Configure(s.Task("T", entries))
	s.server.Push(t, "q:T", slices.Repeat([]string{`{"args":["x"]}`}, entries)...)
	for death := 1; death <= 3; death++ {
		d := s.Start()
		gordontest.Until(t, fmt.Sprintf("all run for time %d", death), func() bool { return len(s.Lines("started")) == death*entries })
		killNine(d)
	}
	s.Start()
	gordontest.Until(t, "all are on the failed list", func() bool { return len(s.server.List(t, "q:T:failed")) == entries })
	for _, record := range s.server.List(t, "q:T:failed") {
		if !strings.HasPrefix(record, `{"args":["x"],`) || !strings.Contains(record, "gordon died 3 times") || strings.Contains(record, `"gordon":`) {
			t.Errorf("record %s", record)
		}
	}
	if n := len(s.Lines("started")); n != 3*entries {
		t.Errorf("%d runs, want %d", n, 3*entries)
	}
}

// An entry that ran to its end begins anew: its failure is no death.
func TestARunToTheEndEndsTheCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Script("T", `echo x >>"$D/started"; [ -e "$D/end" ] && exit 1; while :; do sleep 0.05; done`)
	s.Configure(s.Task("T", 1) + "max_attempts = 2\nretry_delay = \"10ms\"\n")
	s.server.Push(t, "q:T", "{}")
	d := s.Start()
	gordontest.Until(t, "it runs", func() bool { return len(s.Lines("started")) == 1 })
	killNine(d)
	s.Write("end", "")
	d = s.Start()
	gordontest.Until(t, "it has failed twice", func() bool { return len(s.server.List(t, "q:T:failed")) == 1 })
	if record := s.server.List(t, "q:T:failed")[0]; strings.Contains(record, "crashes") || !strings.Contains(record, `"attempt":2`) {
		t.Errorf("record %s", record)
	}
	d.Stop()
}

// A daemon that ends in an orderly way while Redis refuses has not died: the entry is
// not to blame, however often that happens.
func TestAnOrderlyEndIsNoDeath(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]bool{"temp_dir": false, "STATE_DIRECTORY": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.New(t)
			s := gordontest.NewSite(t, binary, gordontest.Unix(redis.Socket))
			words, env := s.File("words"), []string(nil)
			if err := os.Mkdir(words, 0o700); err != nil {
				t.Fatal(err)
			}
			temp := fmt.Sprintf("temp_dir = %q\n", words)
			if state {
				temp, env = "", []string{"STATE_DIRECTORY=" + words}
			}
			s.Script("T", `echo x >>"$D/started"; while :; do sleep 0.05; done`)
			s.Configure(temp + "shutdown_timeout = \"10ms\"\nkill_grace = \"10ms\"\n" + s.Task("T", 1))
			redis.Push(t, "q:T", "{}")
			admin := redis.Conn(t)
			for end := 1; end <= 4; end++ {
				d := s.Run(env)
				gordontest.Until(t, fmt.Sprintf("it runs for time %d", end), func() bool { return len(s.Lines("started")) == end })
				if n := len(wordsIn(t, words)); n != 0 {
					t.Errorf("%d words of ends that are dealt with", n)
				}
				for _, command := range [][]any{{"CONFIG", "SET", "requirepass", "secret"}, {"CLIENT", "KILL", "TYPE", "normal"}} {
					if _, err := admin.Do(command[0].(string), command[1:]...); err != nil {
						t.Fatal(err)
					}
				}
				for ended := false; !ended; {
					d.Signal(syscall.SIGTERM)
					select {
					case <-d.Gone:
						ended = true
					case <-time.After(100 * time.Millisecond):
					}
				}
				if _, err := admin.Do("CONFIG", "SET", "requirepass", ""); err != nil {
					t.Fatal(err)
				}
			}
			if got := redis.List(t, "q:T:failed"); len(got) != 0 {
				t.Errorf("on the failed list: %q", got)
			}
			for _, path := range wordsIn(t, words) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			d := s.Run(env)
			gordontest.Until(t, "it runs once more", func() bool { return len(s.Lines("started")) == 5 })
			lists := redis.Keys(t, "q:T:run:*")
			if len(lists) != 1 || !strings.Contains(redis.List(t, lists[0])[0], `"crashes":1,`) {
				t.Errorf("an end without a word counts as a death: %q", lists)
			}
			d.Stop()
		})
	}
}

func wordsIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "gordon-ended-*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// What holds for a run is the on_crash under which it began.
func TestOnCrashIsThatOfTheBeginning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after string
		running       bool // at the reload
		runs          int
	}{
		{"fail", "requeue", true, 1},
		{"requeue", "fail", true, 2},
		{"fail", "requeue", false, 2},
		{"requeue", "fail", false, 1},
	} {
		t.Run(fmt.Sprintf("%s, then %s, running %v", c.before, c.after, c.running), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Script("T", `echo x >>"$D/started"; while ! [ -e "$D/again" ]; do sleep 0.05; done; [ "$(wc -l <"$D/started")" = 1 ] || echo x >>"$D/done"`)
			configure := func(onCrash string) { s.Configure(s.Task("T", 1) + fmt.Sprintf("on_crash = %q\n", onCrash)) }
			begin := func() {
				s.server.Push(t, "q:T", gordontest.Numbered(1))
				gordontest.Until(t, "it runs", func() bool { return len(s.Lines("started")) == 1 })
			}
			configure(c.before)
			d := s.Start()
			if c.running {
				begin()
			} else {
				redistest.WaitBlocked(t, s.server, 1) // an entry would come into a list of before
			}
			configure(c.after)
			d.Reload("reloaded", 1)
			if !c.running {
				begin()
			}
			killNine(d)
			s.Write("again", "")
			s.Start()
			gordontest.Until(t, "it is dealt with", func() bool {
				return len(s.Lines("done")) == 1 || len(s.server.List(t, "q:T:failed")) == 1
			})
			if n := len(s.Lines("started")); n != c.runs {
				t.Errorf("%d runs, want %d", n, c.runs)
			}
		})
	}
}

// What tasks that had ended have left running on purpose outlives the daemon's death;
// what belongs to the task that was cut short does not.
func TestRecoveryEndsOnlyWhatWasCutShort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const leave = `setsid sh -c 'echo $$ >>"$1"; exec sleep 1000' x "$D/%s" </dev/null >/dev/null 2>&1 & `
	s.Script("T", fmt.Sprintf(leave, "$1")+`[ "$1" = cut ] || exit 0; [ -e "$D/again" ] && { touch "$D/ran"; exit 0; }; wait`)
	s.Configure("leftovers = \"allow\"\n" + s.Task("T", 2))
	d := s.Start()
	const services = 5 // more than there are run lists
	for n := 1; n <= services; n++ {
		s.server.Push(t, "q:T", `{"args":["service"]}`)
		gordontest.Until(t, "a service runs, and its task has ended", func() bool {
			return len(s.Lines("service")) == n && len(s.server.Keys(t, "q:T*")) == 0
		})
	}
	s.server.Push(t, "q:T", `{"args":["cut"]}`)
	gordontest.Until(t, "the task that is cut short has a process", func() bool { return len(s.Lines("cut")) == 1 })
	killNine(d)
	s.Write("again", "")
	d = s.Start()
	gordontest.Until(t, "it ran again", func() bool { return s.Read("ran") != "" || len(s.Lines("cut")) == 2 })
	defer func() {
		for _, pid := range slices.Concat(s.Lines("service"), s.Lines("cut")[1:]) {
			_ = syscall.Kill(number(t, pid), syscall.SIGKILL)
		}
	}()
	if running(t, s.Lines("cut")[0]) {
		t.Error("what was cut short still has a process")
	}
	for _, pid := range s.Lines("service") {
		if !running(t, pid) {
			t.Errorf("the service %s was killed", pid)
		}
	}
	d.Says("killed left-over tasks of a dead instance")
	d.Stop()
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// running reports whether a process is there and no zombie.
func running(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
