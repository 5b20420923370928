package config

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "0": 0, "500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "1.5h": 90 * time.Minute, "+2s": 2 * time.Second,
	} {
		c := load(t, "start_timeout = \""+text+"\"\nshutdown_timeout = \""+text+"\"\nkill_grace = \""+text+"\"\n"+task())
		if c.StartTimeout != want || c.ShutdownTimeout != want || c.KillGrace != want {
			t.Errorf("%q: got %v %v %v, want %v", text, c.StartTimeout, c.ShutdownTimeout, c.KillGrace, want)
		}
	}
}

func TestFailOnOutput(t *testing.T) {
	for _, tc := range []struct {
		top, task string
		want      FailOnOutput
	}{
		{"", "", FailOnAny},
		{`fail_on_output = "stdout"`, "", FailOnStdout},
		{`fail_on_output = "stdout"`, `fail_on_output = "none"`, FailOnNone},
		{`fail_on_output = "none"`, `fail_on_output = "any"`, FailOnAny},
	} {
		c := load(t, tc.top+"\n"+task(tc.task))
		if got := c.Tasks["mail"].FailOnOutput; got != tc.want {
			t.Errorf("%q, %q: got %q, want %q", tc.top, tc.task, got, tc.want)
		}
	}
}

func TestOnCrash(t *testing.T) {
	for _, tc := range []struct {
		top, task string
		want      OnCrash
	}{
		{"", "", CrashRequeue},
		{`on_crash = "fail"`, "", CrashFail},
		{`on_crash = "fail"`, `on_crash = "requeue"`, CrashRequeue},
		{"", `on_crash = "fail"`, CrashFail},
	} {
		c := load(t, tc.top+"\n"+task(tc.task))
		if got := c.Tasks["mail"].OnCrash; got != tc.want {
			t.Errorf("%q, %q: got %q, want %q", tc.top, tc.task, got, tc.want)
		}
	}
}

func TestOnLeaseLoss(t *testing.T) {
	for text, want := range map[string]OnLeaseLoss{
		"": LeaseLossContinue, `on_lease_loss = "continue"`: LeaseLossContinue, `on_lease_loss = "stop"`: LeaseLossStop,
	} {
		if got := load(t, text+"\n"+task()).OnLeaseLoss; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	c := load(t, "max_running = 8\n"+task("priority = -100", "weight = 10000"))
	if got := c.Tasks["mail"]; c.MaxRunning != 8 || got.Priority != -100 || got.Weight != 10000 {
		t.Errorf("got %d, %d and %d", c.MaxRunning, got.Priority, got.Weight)
	}
	if len(c.Notices) != 0 {
		t.Errorf("notices %q", c.Notices)
	}
	const without = ": has no effect without max_running"
	want := []string{"gordon.toml:3: tasks.mail.priority" + without, "gordon.toml:4: tasks.mail.weight" + without}
	if diff := cmp.Diff(want, notices(load(t, task("priority = 1", "weight = 10")))); diff != "" {
		t.Error(diff)
	}
}

func TestAllowUnsafeEnv(t *testing.T) {
	for text, want := range map[string]bool{"": false, "allow_unsafe_env = false": false, "allow_unsafe_env = true": true} {
		if got := load(t, task(text)).Tasks["mail"].Env.AllowUnsafe; got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestStatsInterface(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:8080", ":8080", "[::1]:80", "localhost:http", "0.0.0.0:0", "[fe80::1%eth0]:80"} {
		if got := load(t, "[stats]\ninterface = \""+addr+"\"\n").Stats.Interface; got != addr {
			t.Errorf("got %q, want %q", got, addr)
		}
	}
	for _, addr := range []string{"localhost", "localhost:", ":-1", "a b:80", "::1:80", "[::1]", "http://x:80", "x:80/stats", "\t:80", "/run/x.sock"} {
		if err := checkHostPort(addr, "", 0); err == nil {
			t.Errorf("%q is accepted", addr)
		}
	}
}

func TestStatsPattern_AcceptedOnesCanBeServed(t *testing.T) {
	served := 0
	for _, p := range []string{
		"/", "/stats", "/stats/", "/a/b/", "/ä/日本", "/a.b", "/a..b", "/{", "/{x}", "/{$}", "/a b", "/a\tb", "GET /", "host/", "", "x", "//", "/a//b",
		"/./", "/a/..", "/a/.", "/?x", "/#x", "/%", "/%zz", "/%41", "/a/./b/", "/\x00", "/\u00a0",
	} {
		if checkPattern(p) != nil {
			continue
		}
		served++
		http.NewServeMux().HandleFunc(p, func(http.ResponseWriter, *http.Request) {}) // panics on a bad one
	}
	if served != 7 {
		t.Errorf("%d patterns are accepted, want 7", served)
	}
}

func TestTimes_AreInheritedByTasks(t *testing.T) {
	c := load(t, "timeout = \"1m\"\nkill_grace = \"2s\"\n"+task()+"[tasks.own]\nscript = \"/s\"\ntimeout = \"0s\"\nkill_grace = \"0s\"\n")
	if got := c.Tasks["mail"]; got.Timeout != time.Minute || got.KillGrace != 2*time.Second || c.KillGrace != 2*time.Second {
		t.Errorf("inherited: %v %v %v", got.Timeout, got.KillGrace, c.KillGrace)
	}
	if got := c.Tasks["own"]; got.Timeout != 0 || got.KillGrace != 0 {
		t.Errorf("of its own: %v %v", got.Timeout, got.KillGrace)
	}
}

// A reload compares the back-offs of a task, and nothing else of it.
func TestTask_BackoffIsComparable(t *testing.T) {
	text := "backoff_enabled = true\n" + task("workers = 2")
	a, b := load(t, text).Tasks["mail"], load(t, text).Tasks["mail"]
	if a.Backoff != b.Backoff {
		t.Error("the same text gives back-offs that differ")
	}
	if diff := cmp.Diff(a, b, ignoreOrigins()); diff != "" {
		t.Errorf("the same text gives tasks that differ:\n%s", diff)
	}
	if c := load(t, "backoff_min = 5000\n"+text).Tasks["mail"]; a.Backoff == c.Backoff {
		t.Error("a changed back-off is equal to the old one")
	}
}

func TestNearest(t *testing.T) {
	known := names(taskKeys(new(draft)))
	for slip, want := range map[string]string{
		"worker": "workers", "wrokers": "workers", "WORKRES": "workers", "scripts": "script", "skript": "script",
		"backof_min": "backoff_min", "fail_on_ouput": "fail_on_output", "failed_task_ttl": "failed_tasks_ttl",
		"timeuot": "timeout", "memroy_max": "memory_max", "x": "", "": "", "日本": "", "type": "",
	} {
		if got := tomlfile.Nearest(slip, known); got != want {
			t.Errorf("%q: got %q, want %q", slip, got, want)
		}
	}
}
