package taskqueue

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// The words of the configuration come first, then the entry's.
func TestScriptWithArguments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `printf '%s\n' "$@" >"$D/out"`, func(c *config.Task) { c.ScriptArgs = []string{"artisan", "a b"} })
	r.start()
	r.push("T", `{"args":["1","2 3"]}`)
	r.ended(1)
	if got := r.read("out"); got != "artisan\na b\n1\n2 3\n" {
		t.Errorf("arguments %q", got)
	}
}

// Each goes over the one before: the daemon's environment, the task's, the
// entry's, gordon's own.
func TestEnvironmentInItsOrder(t *testing.T) {
	t.Setenv("A", "daemon")
	t.Setenv("B", "daemon")
	t.Setenv("C", "daemon")
	r := newRig(t)
	r.task("T", `echo "$A $B $C $LD_LIBRARY_PATH $GORDON_TASK_TYPE" >"$D/out"`, func(c *config.Task) {
		c.Env.Set = map[string]string{"B": "task", "C": "task", "LD_LIBRARY_PATH": "/of/the/administrator"}
	})
	r.start()
	r.push("T", `{"env":{"C":"entry","GORDON_TASK_TYPE":"forged"}}`)
	r.ended(1)
	if got := r.read("out"); got != "daemon task entry /of/the/administrator T\n" {
		t.Errorf("environment %q", got)
	}
}

func TestEnvAllow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$LANG $X" >>"$D/out"`, func(c *config.Task) { c.Env.Allow = []string{"LANG", "LD_PRELOAD"} })
	r.task("none", `echo ran >>"$D/out"`, func(c *config.Task) { c.Env.Allow = []string{} })
	r.start()
	r.push("T", `{"env":{"LANG":"de_DE"}}`, `{"env":{"LANG":"x","X":"1"}}`, `{"env":{"LD_PRELOAD":"/x"}}`)
	r.push("none", `{"env":{"LANG":"x"}}`)
	r.ended(4)
	if got := r.read("out"); got != "de_DE \n" {
		t.Errorf("ran with %q", got)
	}
	for i, want := range []string{`"X" is not listed in the task's env_allow`, "allow_unsafe_env = true"} {
		if failed := r.failed("T"); len(failed) != 2 || !strings.Contains(unquoted(t, failed[i]), want) {
			t.Errorf("failed %q, want %q", failed, want)
		}
	}
	if failed := r.failed("none"); len(failed) != 1 || !strings.Contains(failed[0], "env_allow") {
		t.Errorf("failed %q", failed)
	}
}

// unquoted is the error_message of a record.
func unquoted(t *testing.T, record string) string {
	t.Helper()
	var r struct {
		Message string `json:"error_message"`
	}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		t.Fatal(err)
	}
	return r.Message
}

// What no argument can hold comes on standard input: the entry as it was pushed.
func TestEntryOnStandardInput(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$# $1" >>"$D/args"; cat >"$D/in"; echo "$K" >>"$D/args"`, func(c *config.Task) {
		c.Stdin, c.ScriptArgs = config.StdinEntry, []string{"-"}
	})
	r.start()
	entry := `{ "args":["` + strings.Repeat("x", 1<<20) + `","b"], "env":{"K":"V"}, "order":{"id":7} }`
	r.push("T", " "+entry+"\n{}")
	r.ended(1)
	if got := r.read("in"); got != entry {
		t.Errorf("%d bytes came in of %d", len(got), len(entry))
	}
	if got := r.read("args"); got != "1 -\nV\n" {
		t.Errorf("arguments and variable %q", got)
	}
	// A script that doesn't care has not failed.
	r.task("T", "exit 0", func(c *config.Task) { c.Stdin = config.StdinEntry })
	r.reload()
	r.push("T", entry, "null")
	r.ended(3)
	if failed := r.failed("T"); len(failed) != 0 {
		t.Errorf("failed %q", failed)
	}
}

// Where a task runs, and as whom. Without being root, the daemon says why not.
func TestUserOfATask(t *testing.T) {
	r := newRig(t)
	r.add(config.Task{
		Type: "T", Script: "/bin/sh", ScriptArgs: []string{"-c", `id -un; id -gn; pwd; umask; echo "$HOME $USER $LOGNAME $SHELL"`},
	}, func(c *config.Task) {
		c.Process.User, c.Process.Group, c.Process.WorkingDirectory, c.Process.Umask, c.FailOnOutput = "nobody", "daemon", "/var/tmp", new(0o77), config.FailOnAny
		c.Env.Set = map[string]string{"SHELL": "/bin/of-the-task"}
		c.Origins = map[string]config.Origin{"user": {File: "x.toml", Line: 7, Key: "tasks.T.user"}}
	})
	if os.Geteuid() != 0 {
		_, err := r.tryStart(t.Context())
		if !strings.HasPrefix(err.Error(), "x.toml:7: tasks.T.user: cannot become user nobody: operation not permitted") {
			t.Errorf("error is %v", err)
		}
		return
	}
	r.start()
	r.push("T", `{}`)
	r.ended(1)
	lines := strings.Split(unquoted(t, r.failed("T")[0]), "\n")
	if diff := cmp.Diff([]string{"nobody", "daemon", "/var/tmp", "0077"}, lines[:4]); diff != "" {
		t.Error(diff)
	}
	if !strings.HasSuffix(lines[4], " nobody nobody /bin/of-the-task") || strings.HasPrefix(lines[4], os.Getenv("HOME")+" ") {
		t.Errorf("login variables %q", lines[4])
	}
}

// A reload with a user that does not exist changes nothing; a missing program is
// only warned of.
func TestReloadLooksAtTheMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo ran >>"$D/out"`)
	r.start()
	r.task("T", `echo other >>"$D/out"`, func(c *config.Task) {
		c.Process.User = "no-such-user"
		c.Origins = map[string]config.Origin{"user": {File: "x.toml", Line: 7, Key: "tasks.T.user"}}
	})
	commits := 0
	err := r.tryReload(t.Context(), func() { commits++ })
	var faults config.Faults
	if !errors.As(err, &faults) || err.Error() != `x.toml:7: tasks.T.user: the user "no-such-user" does not exist on this system` || commits != 0 {
		t.Errorf("error %v, %d commits", err, commits)
	}
	// A directory service that can't be asked is no fault of the configuration.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.tryReload(ctx, func() { commits++ }); err == nil || errors.As(err, &faults) || commits != 0 {
		t.Errorf("error %v, %d commits", err, commits)
	}
	// The reload that was given up may still look at its configuration.
	next := *r.config
	next.Tasks = maps.Clone(next.Tasks)
	r.config = &next
	r.add(config.Task{Type: "T", Script: r.file("T.sh")})
	r.add(config.Task{Type: "gone", Script: "/nonexistent/script"})
	r.reload()
	if !strings.Contains(r.log.String(), "cannot be started now: fork/exec /nonexistent/script: no such file or directory") {
		t.Error("nothing is said of the missing program")
	}
}
