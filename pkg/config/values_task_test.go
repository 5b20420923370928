package config

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScript(t *testing.T) {
	for text, want := range map[string][]string{
		`"/bin/true"`:                           {"/bin/true"},
		`"/path with blanks/x -n"`:              {"/path with blanks/x -n"},
		`["/bin/true"]`:                         {"/bin/true"},
		`["/usr/bin/php", "artisan", "", "-n"]`: {"/usr/bin/php", "artisan", "", "-n"},
		`["send-mail", "x/../y"]`:               {binDir + "/send-mail", "x/../y"},
	} {
		got := load(t, "[tasks.mail]\nscript = "+text+"\n").Tasks["mail"]
		if diff := cmp.Diff(want, append([]string{got.Script}, got.ScriptArgs...)); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

func TestAttributes(t *testing.T) {
	got := load(t, task(`user = "www-data"`, `group = "33"`, `working_directory = "~"`, `umask = "027"`, `nice = -5`,
		`ionice = "best-effort:0"`, `oom_score_adj = 500`, `stdin = "entry"`, `env_allow = ["LANG", "TZ"]`)).Tasks["mail"]
	want := load(t, task()).Tasks["mail"]
	want.Process = Process{
		User: "www-data", Group: "33", WorkingDirectory: HomeDir, Umask: new(0o27), Nice: new(-5),
		IONice: IONice{Class: "best-effort"}, OOMScoreAdj: new(500),
	}
	want.Stdin, want.Env.Allow = StdinEntry, []string{"LANG", "TZ"}
	if diff := cmp.Diff(want, got, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

func TestIONice(t *testing.T) {
	for text, want := range map[string]IONice{
		"idle": {"idle", 0}, "best-effort": {"best-effort", 4}, "best-effort:7": {"best-effort", 7}, "realtime:2": {"realtime", 2},
	} {
		if got := load(t, task(`ionice = "`+text+`"`)).Tasks["mail"].Process.IONice; got != want {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// An empty list allows nothing, unlike no list.
func TestEnvAllow(t *testing.T) {
	if got := load(t, task()).Tasks["mail"].Env.Allow; got != nil {
		t.Errorf("without the key: %q", got)
	}
	if got := load(t, task("env_allow = []")).Tasks["mail"].Env.Allow; got == nil || len(got) != 0 {
		t.Errorf("with an empty list: %#v", got)
	}
}

func TestWorkingDirectory(t *testing.T) {
	for text, want := range map[string]string{"/srv/app/": "/srv/app", "app": binDir + "/app", "~x": binDir + "/~x"} {
		if got := load(t, task(`working_directory = "`+text+`"`)).Tasks["mail"].Process.WorkingDirectory; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A drop-in replaces a single variable. The case of their names matters, unlike that of
// keys.
func TestEnvironment(t *testing.T) {
	c := load(t, task(`environment = { A = "1", a = "2", B = "", "C D" = "=" }`),
		"gordon.d/1.toml", "[tasks.mail.environment]\nA = \"new\"\nE = \"x\"\n")
	got := c.Tasks["mail"]
	if diff := cmp.Diff(map[string]string{"A": "new", "a": "2", "B": "", "C D": "=", "E": "x"}, got.Env.Set); diff != "" {
		t.Error(diff)
	}
	if at := got.Origins["environment.A"]; at.File != c.Files[1] || at.Line != 2 || at.Key != "tasks.mail.environment.A" {
		t.Errorf("A stands at %+v", at)
	}
}

// A fault that is found later has the place of the value.
func TestOrigins(t *testing.T) {
	c := load(t, task(), "gordon.d/1.toml", "\n[tasks.mail]\nuser = \"nobody-at-all\"\n")
	f := c.Tasks["mail"].Origins["user"].Fault(errTest)
	if f.Error() != c.Files[1]+":3: tasks.mail.user: no such user" || !errors.Is(f, errTest) {
		t.Errorf("fault %v", f)
	}
	if _, ok := c.Tasks["mail"].Origins["group"]; ok {
		t.Error("a key that is not there has a place")
	}
}

var errTest = errors.New("no such user")
