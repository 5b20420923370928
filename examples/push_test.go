package examples_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/pkg/entry"
)

// producer is one of the programs in this folder.
type producer struct {
	file string
	// run is the command line without the arguments.
	run []string
	// check finds mistakes without a client; nil where run needs none.
	check []string
	// client succeeds if the client for Redis is installed.
	client []string
}

func producers() []producer {
	return []producer{
		{file: "push.sh", run: []string{"sh", "push.sh"}, check: []string{"sh", "-n", "push.sh"}},
		{file: "push.go", run: []string{"go", "run", "push.go"}, check: []string{"go", "vet", "push.go"}},
		{
			file: "push.php", run: []string{"php", "push.php"}, check: []string{"php", "-l", "push.php"},
			client: []string{"php", "-r", `exit(extension_loaded("redis") ? 0 : 1);`},
		},
		{
			file: "push.py", run: []string{"python3", "push.py"}, check: []string{"python3", "-m", "py_compile", "push.py"},
			client: []string{"python3", "-c", "import redis"},
		},
		{
			file: "push.mjs", run: []string{"node", "push.mjs"}, check: []string{"node", "--check", "push.mjs"},
			client: []string{"node", "--input-type=module", "-e", "import 'redis'"},
		},
	}
}

// odd are arguments that a careless producer breaks.
func odd() []string {
	return []string{
		"a b", `"`, "'", `\`, `\n`, "line 1\nline 2\r\n\ttab\x01\x1f", "", "-n", "--help", "ä日👩‍👩‍👧",
		"*", "$(id)", "`id`", "name=value", "%s%d", "</script>", strings.Repeat("x", 100<<10),
	}
}

// A producer whose interpreter or client is not installed is only checked as far as
// possible. The producers that need neither always run.
func TestProducersPushTheirArguments(t *testing.T) {
	for _, p := range producers() {
		t.Run(p.file, func(t *testing.T) {
			cache := []string{"PYTHONPYCACHEPREFIX=" + t.TempDir()}
			if _, err := exec.LookPath(p.run[0]); err != nil {
				t.Logf("not checked: %v", err)
				return
			}
			mustRun(t, ".", cache, p.check[0], p.check[1:]...)
			if p.client != nil {
				if _, err := run(".", cache, p.client[0], p.client[1:]...); err != nil {
					t.Logf("checked, but not run without its client for Redis")
					return
				}
			}
			pushes(t, p, odd())
			pushes(t, p, nil)
			noticesARefusal(t, p)
		})
	}
}

func pushes(t *testing.T, p producer, args []string) {
	t.Helper()
	server.Flush(t)
	out := mustRun(t, ".", environment(server.Socket), p.run[0], commandLine(p, "mail", args)...)
	if out != "1\n" {
		t.Errorf("it printed %q", out)
	}
	waiting := server.List(t, "shop:mail")
	if len(waiting) != 1 {
		t.Fatalf("%d entries wait: %q", len(waiting), waiting)
	}
	if !json.Valid([]byte(waiting[0])) {
		t.Errorf("no JSON: %s", waiting[0])
	}
	got, err := entry.Decode([]byte(waiting[0]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(args, "\x00"), strings.Join(got.Args, "\x00")); diff != "" || len(got.Args) != len(args) {
		t.Errorf("%d arguments became %d: %s", len(args), len(got.Args), diff)
	}
}

// noticesARefusal checks that a producer fails if Redis refuses the push. A producer that
// continues would lose the task.
func noticesARefusal(t *testing.T, p producer) {
	t.Helper()
	server.Flush(t)
	server.Do(t, "SET", "shop:mail", "not a list")
	for what, socket := range map[string]string{"a key of another type": server.Socket, "no Redis": "/nonexistent/redis"} {
		if out, err := run(".", environment(socket), p.run[0], commandLine(p, "mail", []string{"a"})...); err == nil {
			t.Errorf("with %s it exited with 0 and printed %q", what, out)
		}
	}
	if out, err := run(".", environment(server.Socket), p.run[0], p.run[1:]...); err == nil || !strings.Contains(out, "usage: ") {
		t.Errorf("without arguments: %v, printed %q", err, out)
	}
}

func environment(socket string) []string {
	return []string{"REDIS_ADDRESS=" + socket, "QUEUE_KEY=shop"}
}

func commandLine(p producer, taskType string, args []string) []string {
	line := append([]string{}, p.run[1:]...)
	return append(append(line, taskType), args...)
}
