package config

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests of this file check that a configuration of Gordon 1.x works unchanged.

func TestCompat_A165ConfigLoadsUnchanged(t *testing.T) {
	path := filepath.Join("testdata", "gordon-1.6.5.toml")
	got, err := Load(path, binDir)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Path:            path,
		Files:           []string{path},
		RedisNetwork:    "tcp",
		RedisAddress:    "127.0.0.1:6379",
		QueueKey:        "myqueue",
		ErrorScript:     "notify.sh",
		TempDir:         "/opt/gordon/tmp",
		Logfile:         "/opt/gordon/log/gordon.log",
		StartTimeout:    10 * time.Second,
		ShutdownTimeout: 90 * time.Second,
		KillGrace:       10 * time.Second,
		OnLeaseLoss:     LeaseLossContinue,
		Stats: Stats{
			Interface:   "127.0.0.1:8080",
			Pattern:     "/",
			TLSCertFile: "/etc/ssl/private/certificate.crt",
			TLSKeyFile:  "/etc/ssl/private/private.key",
		},
		Tasks: map[string]Task{
			"something": {
				Type: "something", Script: "/opt/something.php", Workers: 1, Weight: 100,
				Failed: FailedList{TTL: 48 * time.Hour, MaxSize: 16 << 20, MessageMax: 144 << 10}, FailOnOutput: FailOnAny, OnCrash: CrashRequeue, KillGrace: 10 * time.Second, Leftovers: LeftoversAllow, Retry: noRetry(), Stdin: StdinEmpty,
				Backoff: Backoff{Enabled: true, Min: 250 * time.Millisecond, Max: 20 * time.Second, Factor: 2},
			},
			"other": {
				Type: "other", Script: "/opt/gordon/scripts/other.sh", Workers: 4, Weight: 100,
				Failed: FailedList{TTL: time.Hour, MaxSize: 16 << 20, MessageMax: 144 << 10}, FailOnOutput: FailOnAny, OnCrash: CrashRequeue, KillGrace: 10 * time.Second, Leftovers: LeftoversAllow, Retry: noRetry(), Stdin: StdinEmpty,
				Backoff: Backoff{Enabled: true, Min: time.Second, Max: time.Minute, Factor: 3},
			},
		},
		Notices: []string{
			"interval_min, interval_max, interval_factor, [stats.newrelic]: accepted without effect; " +
				"gordon does not poll, so it needs no interval; " +
				"use the stats interface instead of New Relic",
		},
	}
	if diff := cmp.Diff(want, got, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestCompat_IdleKeysGiveOneNotice(t *testing.T) {
	const why = "gordon does not poll, so it needs no interval"
	const relic = "use the stats interface instead of New Relic"
	for _, tc := range []struct{ name, text, want string }{
		{"interval", "interval_min = 1\ninterval_max = 2\n", "interval_min, interval_max: accepted without effect; " + why},
		{"new relic", "[stats.newrelic]\nlicense = \"x\"\nbeta_token = \"y\"\n", "[stats.newrelic]: accepted without effect; " + relic},
		{"empty new relic", "[stats.newrelic]\n", "[stats.newrelic]: accepted without effect; " + relic},
		{"new relic in braces", "stats = { newrelic = { app_name = \"x\" } }\n", "[stats.newrelic]: accepted without effect; " + relic},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := notices(load(t, tc.text+task()))
			if diff := cmp.Diff([]string{tc.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompat_OldAndNewKeysMix(t *testing.T) {
	c := load(t, "interval_min = 250\nshutdown_timeout = \"5m\"\nfail_on_output = \"stdout\"\n"+task("fail_on_output = \"none\"", "backoff_min = 500"))
	if c.ShutdownTimeout != 5*time.Minute || c.Tasks["mail"].FailOnOutput != FailOnNone {
		t.Errorf("got %+v", c)
	}
}

func TestCompat_KeysMatchInAnyCase(t *testing.T) {
	c := load(t, "Redis_Address = \"h:1\"\n[Stats]\nInterface = \":80\"\n[Tasks.Mail]\nScript = \"/s\"\nWORKERS = 3\n")
	if c.RedisAddress != "h:1" || c.Stats.Interface != ":80" {
		t.Errorf("got %+v", c)
	}
	want := Task{
		Type: "Mail", Script: "/s", Workers: 3, Weight: 100, Failed: FailedList{MaxSize: 16 << 20, MessageMax: 144 << 10}, FailOnOutput: FailOnAny, OnCrash: CrashRequeue, KillGrace: 10 * time.Second, Leftovers: LeftoversAllow, Retry: noRetry(), Stdin: StdinEmpty,
		Backoff: Backoff{Min: 100 * time.Millisecond, Max: 100 * time.Millisecond, Factor: 1},
	}
	if diff := cmp.Diff(map[string]Task{"Mail": want}, c.Tasks, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestCompat_TheListOfTasksOf14IsRead(t *testing.T) {
	const text = `
[[tasks]]
type = "mail"
script = "/mail"
workers = 2
[[tasks]]
script = "/log"
Type = "log"
`
	c := load(t, text)
	if len(c.Tasks) != 2 || c.Tasks["mail"].Workers != 2 || c.Tasks["log"].Script != "/log" || len(c.Notices) != 0 {
		t.Errorf("got %+v", c)
	}
	inline := load(t, `tasks = [ { type = "mail", script = "/mail", workers = 2 }, { type = "log", script = "/log" } ]`)
	if diff := cmp.Diff(c.Tasks, inline.Tasks, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestCompat_TypeInATaskTableDoesNothing(t *testing.T) {
	if c := load(t, task(`type = "mail"`)); len(c.Notices) != 0 {
		t.Errorf("notices %q about a type that is right", c.Notices)
	}
	c := load(t, task(`type = "post"`))
	want := []string{`gordon.toml:3: tasks.mail.type: has no effect: the type is the name of the table, "mail"`}
	if diff := cmp.Diff(want, notices(c)); diff != "" {
		t.Error(diff)
	}
	if _, ok := c.Tasks["mail"]; !ok {
		t.Errorf("tasks %v", c.Tasks)
	}
}

func TestCompat_WorkersUnderOneAreOne(t *testing.T) {
	for _, n := range []string{"0", "-3"} {
		c := load(t, task("workers = "+n))
		if got := c.Tasks["mail"].Workers; got != 1 {
			t.Errorf("workers = %s: got %d", n, got)
		}
		if diff := cmp.Diff([]string{"gordon.toml:3: tasks.mail.workers: " + n + " is below the minimum; using 1"}, notices(c)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCompat_FailedTasksTTL(t *testing.T) {
	const most = 9223372036 * time.Second
	for _, tc := range []struct {
		name, top, task string
		want            time.Duration
		notices         int
	}{
		{"unset", "", "", 0, 0},
		{"inherited", "failed_tasks_ttl = 60\n", "", time.Minute, 0},
		{"own", "failed_tasks_ttl = 60\n", "failed_tasks_ttl = 5", 5 * time.Second, 0},
		{"own 0 inherits", "failed_tasks_ttl = 60\n", "failed_tasks_ttl = 0", time.Minute, 0},
		{"only own", "failed_tasks_ttl = 0\n", "failed_tasks_ttl = 7", 7 * time.Second, 0},
		{"negative at the top", "failed_tasks_ttl = -1\n", "", 0, 1},
		{"negative in the task", "failed_tasks_ttl = 60\n", "failed_tasks_ttl = -1", 0, 1},
		{"beyond 292 years", "failed_tasks_ttl = 9999999999\n", "", most, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.top+task(tc.task))
			if got := c.Tasks["mail"].Failed.TTL; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if len(c.Notices) != tc.notices {
				t.Errorf("notices %q, want %d", c.Notices, tc.notices)
			}
		})
	}
}

func TestCompat_Backoff(t *testing.T) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tc := range []struct {
		name, top, task string
		want            Backoff
		notices         int
	}{
		{"off by default", "", "", Backoff{false, ms(100), ms(100), 1}, 0},
		{"nothing but enabled", "backoff_enabled = true\n", "", Backoff{true, ms(100), ms(100), 1}, 0},
		{"on at the top beats off in the task", "backoff_enabled = true\n", "backoff_enabled = false", Backoff{true, ms(100), ms(100), 1}, 0},
		{"on in the task alone", "", "backoff_enabled = true", Backoff{true, ms(100), ms(100), 1}, 0},
		{
			"inherited", "backoff_enabled = true\nbackoff_min = 250\nbackoff_max = 20000\nbackoff_factor = 2.5\n", "",
			Backoff{true, ms(250), ms(20000), 2.5},
			0,
		},
		{
			"own values", "backoff_enabled = true\nbackoff_min = 250\nbackoff_max = 20000\nbackoff_factor = 2.5\n",
			"backoff_min = 300\nbackoff_max = 400\nbackoff_factor = 3",
			Backoff{true, ms(300), ms(400), 3},
			0,
		},
		{
			"0 inherits", "backoff_enabled = true\nbackoff_min = 250\nbackoff_max = 20000\nbackoff_factor = 2.5\n",
			"backoff_min = 0\nbackoff_max = 0\nbackoff_factor = 0",
			Backoff{true, ms(250), ms(20000), 2.5},
			0,
		},
		{"a whole factor", "backoff_factor = 2\n", "", Backoff{false, ms(100), ms(100), 2}, 0},
		{"min under 100", "backoff_enabled = true\nbackoff_min = 99\n", "", Backoff{true, ms(100), ms(100), 1}, 1},
		{"max under min", "backoff_enabled = true\nbackoff_min = 500\nbackoff_max = 400\n", "", Backoff{true, ms(500), ms(500), 1}, 1},
		{"factor under 1", "backoff_enabled = true\nbackoff_factor = 0.5\n", "", Backoff{true, ms(100), ms(100), 1}, 1},
		{"negative", "backoff_enabled = true\nbackoff_min = -1\nbackoff_max = -1\nbackoff_factor = -1.0\n", "", Backoff{true, ms(100), ms(100), 1}, 3},
		{"not enabled, not a word", "backoff_min = 1\nbackoff_factor = 0.5\n", "", Backoff{false, ms(100), ms(100), 1}, 0},
		{
			"beyond 292 years", "backoff_enabled = true\nbackoff_max = 9223372036854775807\n", "",
			Backoff{true, ms(100), ms(9223372036854), 1},
			1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.top+task(tc.task))
			if diff := cmp.Diff(tc.want, c.Tasks["mail"].Backoff); diff != "" {
				t.Error(diff)
			}
			if len(c.Notices) != tc.notices {
				t.Errorf("notices %q, want %d", c.Notices, tc.notices)
			}
		})
	}
}

func TestCompat_AnInheritedValueIsNoticedOnce(t *testing.T) {
	c := load(t, "backoff_enabled = true\nbackoff_min = 5\n"+task()+"[tasks.log]\nscript = \"/s\"\n")
	if diff := cmp.Diff([]string{"gordon.toml:2: backoff_min: 5 ms is out of range; using 100 ms"}, notices(c)); diff != "" {
		t.Error(diff)
	}
}

func TestCompat_RedisNetwork(t *testing.T) {
	for _, tc := range []struct {
		name, text, network, address string
		notices                      int
	}{
		{"unset", "", "tcp", "127.0.0.1:6379", 0},
		{"empty", `redis_network = ""`, "tcp", "127.0.0.1:6379", 0},
		{"udp is tcp", `redis_network = "udp"`, "tcp", "127.0.0.1:6379", 1},
		{"tcp", "redis_network = \"tcp\"\nredis_address = \"[::1]:7000\"", "tcp", "[::1]:7000", 0},
		{"no host", `redis_address = ":6379"`, "tcp", ":6379", 0},
		{"a service's name for a port", `redis_address = "db:redis"`, "tcp", "db:redis", 0},
		{"unix", "redis_network = \"unix\"\nredis_address = \"/run/redis.sock\"", "unix", "/run/redis.sock", 0},
		{"a path is enough", `redis_address = "/run/redis.sock"`, "unix", "/run/redis.sock", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := load(t, tc.text+"\n"+task())
			if c.RedisNetwork != tc.network || c.RedisAddress != tc.address || len(c.Notices) != tc.notices {
				t.Errorf("got %q %q, notices %q", c.RedisNetwork, c.RedisAddress, c.Notices)
			}
		})
	}
}

func TestCompat_EmptyStringsMeanUnset(t *testing.T) {
	empty := load(t, "error_script = \"\"\nlogfile = \"\"\ntemp_dir = \"\"\n[stats]\ninterface = \"\"\npattern = \"\"\ntls_cert_file = \"\"\ntls_key_file = \"\"\n"+task())
	unset := load(t, task())
	empty.Path, empty.Files, unset.Path, unset.Files = "", nil, "", nil
	if diff := cmp.Diff(unset, empty, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestCompat_NoTasksIsAccepted(t *testing.T) {
	for _, text := range []string{"", "[tasks]\n", "tasks = []\n", "tasks = {}\n"} {
		c := load(t, text)
		if len(c.Tasks) != 0 || c.Tasks == nil {
			t.Errorf("%q: tasks %v", text, c.Tasks)
		}
		if diff := cmp.Diff([]string{"no tasks are configured"}, c.Notices); diff != "" {
			t.Error(diff)
		}
	}
}
