package taskqueue

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/config"
)

// Each test here holds one line of what drop-in means. What the configuration,
// the command line and single packages have to hold stands with them, under the
// same name.

// argsScript stores its arguments exactly, each ended by a NUL.
const argsScript = `if [ $# -gt 0 ]; then printf '%s\0' "$@" >"$D/args.tmp"; else : >"$D/args.tmp"; fi; mv "$D/args.tmp" "$D/args"`

func entryOf(t *testing.T, args []string, env map[string]string) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"args": args, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestCompatArgumentsAreExactAndInOrder(t *testing.T) {
	t.Parallel()
	thousand := make([]string, 1000)
	for i := range thousand {
		thousand[i] = fmt.Sprint("argument ", i)
	}
	for name, args := range map[string][]string{
		"none":           {},
		"spaces":         {"a b", " ", "  c  "},
		"quotes":         {`"`, `'`, "`", `\`, `"a'b`},
		"newlines":       {"a\nb", "\n", "c\r\nd\te"},
		"unicode":        {"äöü", "日本語", "👩‍👩‍👧", "\u202e"},
		"empty strings":  {"", "a", ""},
		"leading dashes": {"-n", "--", "--help", "-"},
		"shell":          {"$(touch /tmp/owned)", "; reboot", "*", "~", "$HOME", "&", "|", ">x"},
		"1,000":          thousand,
		"100 KB":         {strings.Repeat("x", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", argsScript)
			r.push("T", entryOf(t, args, nil))
			r.start()
			r.ended(1)
			want := ""
			for _, a := range args {
				want += a + "\x00"
			}
			if diff := cmp.Diff(want, r.read("args")); diff != "" {
				t.Error(diff)
			}
			if failed := r.failed("T"); len(failed) != 0 {
				t.Errorf("failed: %q", failed)
			}
		})
	}
}

func TestCompatEntriesWithoutArguments(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		`{}`, `null`, ` { } `, `{"args":null}`, `{"args":[]}`, `{"env":[]}`, `{"env":{}}`, `{"env":null}`, `{"unknown":[1,{"a":2}]}`,
		`{} trailing bytes are ignored`, `{}{"args":["x"]}`,
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `echo $# >"$D/count"`)
			r.push("T", entry)
			r.start()
			r.ended(1)
			if got := r.read("count"); got != "0\n" {
				t.Errorf("$# is %q; failed: %q", got, r.failed("T"))
			}
		})
	}
}

func TestCompatEnvironment(t *testing.T) {
	t.Setenv("GORDON_TEST_INHERITED", "from the daemon")
	t.Setenv("GORDON_TEST_OVERRIDDEN", "from the daemon")
	t.Setenv("NOTIFY_SOCKET", "/nonexistent")
	r := newRig(t)
	r.task("T", `env -0 >"$D/env"`)
	r.push("T", entryOf(t, nil, map[string]string{"GORDON_TEST_OVERRIDDEN": "a=b\nc", "lower": "x", "EMPTY": ""}))
	r.start()
	r.ended(1)
	got := make(map[string]string)
	for kv := range strings.SplitSeq(r.read("env"), "\x00") {
		name, value, _ := strings.Cut(kv, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		got[name] = value
	}
	for name, want := range map[string]string{
		"GORDON_TEST_INHERITED": "from the daemon", "GORDON_TEST_OVERRIDDEN": "a=b\nc", "lower": "x", "EMPTY": "",
		"GORDON_TASK_TYPE": "T", "GORDON_ATTEMPT": "1",
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if _, ok := got["NOTIFY_SOCKET"]; ok {
		t.Error("NOTIFY_SOCKET reached the script")
	}
	if !strings.HasSuffix(got["GORDON_TASK_ID"], ".T.1") {
		t.Errorf("GORDON_TASK_ID is %q", got["GORDON_TASK_ID"])
	}
}

func TestCompatStandardInputIsEmptyAndTheProcessGroupItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `wc -c >"$D/stdin"; cut -d' ' -f1,5 /proc/$$/stat >"$D/group"`)
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if got := strings.TrimSpace(r.read("stdin")); got != "0" {
		t.Errorf("%s bytes on standard input", got)
	}
	if f := r.lines("group"); len(f) != 2 || f[0] != f[1] {
		t.Errorf("pid and process group: %v", f)
	}
}

// A shell pipeline relies on SIGPIPE; nothing that the daemon ignores or blocks
// may be passed on.
func TestCompatNoSignalIsIgnoredOrBlocked(t *testing.T) {
	t.Parallel()
	// As gordon does. Otherwise they stay ignored where whoever started this test
	// has them ignored, as nohup does.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGHUP, unix.SIGINT)
	defer signal.Stop(caught)
	r := newRig(t)
	r.task("T", `grep -E '^Sig(Ign|Blk)' /proc/self/status >"$D/signals"`)
	r.push("T", "{}")
	r.start()
	r.ended(1)
	for _, mask := range []string{"SigBlk:\t%x", "SigIgn:\t%x"} {
		var bits uint64
		for line := range strings.Lines(r.read("signals")) {
			_, _ = fmt.Sscanf(line, mask, &bits) // the other line does not match
		}
		// Signals 32 and 33 are the C library's own: whoever started this test
		// may have left them ignored, and the runtime cannot touch them.
		if bits &^= 3 << 31; bits != 0 {
			t.Errorf("the script starts with %s", fmt.Sprintf(mask, bits))
		}
	}
	if r.read("signals") == "" {
		t.Error("the script saw no masks")
	}
}

// failOne runs one entry and returns its record on the failed list.
func failOne(t *testing.T, r *rig, entry string) map[string]any {
	t.Helper()
	r.push("T", entry)
	r.start()
	r.ended(1)
	failed := r.failed("T")
	if len(failed) != 1 {
		t.Fatalf("failed list: %q", failed)
	}
	var record map[string]any
	if err := json.Unmarshal([]byte(failed[0]), &record); err != nil {
		t.Fatalf("%q: %v", failed[0], err)
	}
	return record
}

// besides16 leaves out what a record has besides that of 1.6.5.
var besides16 = cmpopts.IgnoreMapEntries(func(name string, _ any) bool {
	return slices.Contains([]string{
		"outcome", "task_id", "attempt", "started_at", "duration_ms", "exit_status", "signal",
		"cpu_user_ms", "cpu_system_ms", "peak_memory_bytes", "io_read_bytes", "io_written_bytes",
	}, name)
})

func TestCompatFailureAndItsWording(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, message string }{
		"exit status":                  {"exit 3", "exit status 3"},
		"exit status and output":       {"echo out; echo err >&2; exit 3", "exit status 3\nout\nerr\n"},
		"signal":                       {"kill -9 $$", "signal: killed"},
		"output":                       {"echo something", "something\n"},
		"standard error":               {"echo something >&2", "something\n"},
		"output without a newline":     {"printf x", "x"},
		"closed output, then a status": {"exec >&- 2>&-; exit 5", "exit status 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", c.script)
			record := failOne(t, r, `{"args":["a"],"env":{"K":"V"},"kept":1.50}`)
			if diff := cmp.Diff(c.message, record["error_message"]); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(map[string]any{"args": []any{"a"}, "env": map[string]any{"K": "V"}, "kept": 1.5, "error_message": c.message}, record, besides16); diff != "" {
				t.Error(diff)
			}
			if raw := r.failed("T")[0]; !strings.HasPrefix(raw, `{"args":["a"],"env":{"K":"V"},"kept":1.50,`) {
				t.Errorf("the entry's own bytes were changed: %s", raw)
			}
		})
	}
}

func TestCompatFailOnOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		on     config.FailOnOutput
		script string
		fails  string
	}{
		{config.FailOnAny, "echo o", "o\n"},
		{config.FailOnAny, "echo e >&2", "e\n"},
		{config.FailOnStdout, "echo o; echo e >&2", "o\n"},
		{config.FailOnStdout, "echo e >&2", ""},
		{config.FailOnNone, "echo o; echo e >&2", ""},
		{config.FailOnNone, "echo o; exit 1", "exit status 1\no\n"},
	} {
		t.Run(fmt.Sprintf("%s, %s", c.on, c.script), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", c.script, func(t *config.Task) { t.FailOnOutput = c.on })
			if c.fails != "" {
				if got := failOne(t, r, "{}")["error_message"]; got != c.fails {
					t.Errorf("message %q, want %q", got, c.fails)
				}
				return
			}
			r.push("T", "{}")
			r.start()
			r.ended(1)
			if failed := r.failed("T"); len(failed) != 0 {
				t.Errorf("failed: %q", failed)
			}
		})
	}
}

func TestCompatScriptsThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "not-executable")
	odd := filepath.Join(dir, "no-interpreter")
	for path, content := range map[string]string{plain: "#!/bin/sh\n", odd: "#!/nonexistent/interpreter\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/nonexistent": "fork/exec /nonexistent: no such file or directory",
		plain:          "fork/exec " + plain + ": permission denied",
		dir:            "fork/exec " + dir + ": permission denied",
		odd:            "fork/exec " + odd + ": no such file or directory",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.add(config.Task{Type: "T", Script: path})
			if got := failOne(t, r, `{"args":["a"]}`)["error_message"].(string); !strings.HasPrefix(got, want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestArgumentOverTheKernelsLimitFailsClearly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "")
	message := failOne(t, r, entryOf(t, []string{"short", strings.Repeat("x", 200<<10)}, nil))["error_message"].(string)
	for _, part := range []string{"argument list too long", "argument 2", "204800", "131071"} {
		if !strings.Contains(message, part) {
			t.Errorf("%q does not say %q", message, part)
		}
	}
}

func TestEnvironmentThatCannotBeSetFailsClearly(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"holds =":      {"A=B": "x"},
		"empty":        {"": "x"},
		"NUL in name":  {"A\x00B": "x"},
		"NUL in value": {"A": "x\x00y"},
		"runs code":    {"LD_PRELOAD": "/tmp/x.so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `touch "$D/ran"`)
			message := failOne(t, r, entryOf(t, nil, env))["error_message"].(string)
			if r.exists("ran") {
				t.Error("it ran")
			}
			if name == "runs code" && !(strings.Contains(message, "LD_PRELOAD") && strings.Contains(message, "allow_unsafe_env")) {
				t.Errorf("message: %q", message)
			}
		})
	}
}

func TestAllowUnsafeEnv(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `echo "$PYTHONPATH" >"$D/seen"`, func(t *config.Task) { t.Env.AllowUnsafe = true })
	r.push("T", entryOf(t, nil, map[string]string{"PYTHONPATH": "/opt/lib"}))
	r.start()
	r.ended(1)
	if got := r.read("seen"); got != "/opt/lib\n" {
		t.Errorf("the script saw %q", got)
	}
}

func TestCompatUnreadableEntriesLandOnTheFailedList(t *testing.T) {
	t.Parallel()
	for entry, kept := range map[string]string{
		`{"args":[1]}`:              "args",
		`{"args":"x","other":true}`: "other",
		`{"env":{"A":1}}`:           "env",
		`{`:                         "raw",
		``:                          "raw",
		`[1,2]`:                     "raw",
		`"text"`:                    "raw",
		`not json`:                  "raw",
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.task("T", `touch "$D/ran"`)
			record := failOne(t, r, entry)
			if _, ok := record[kept]; !ok {
				t.Errorf("%v has no %q", record, kept)
			}
			if kept == "raw" && record["raw"] != entry {
				t.Errorf("raw is %q", record["raw"])
			}
			if message, _ := record["error_message"].(string); !strings.HasPrefix(message, "cannot read the entry: ") {
				t.Errorf("message: %q", message)
			}
			if r.exists("ran") {
				t.Error("it ran")
			}
		})
	}
}

func TestCompatFailedListTTL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 1", func(t *config.Task) { t.Failed.TTL = time.Hour })
	failOne(t, r, "{}")
	if ttl := r.server.Do(t, "TTL", "q:T:failed").(int64); ttl < 3000 || ttl > 3600 {
		t.Errorf("TTL %d", ttl)
	}
	r.server.Do(t, "EXPIRE", "q:T:failed", 5)
	r.push("T", "{}")
	r.ended(2)
	if ttl := r.server.Do(t, "TTL", "q:T:failed").(int64); ttl < 3000 {
		t.Errorf("TTL %d after another push", ttl)
	}
}

func TestCompatNoFailedListWithoutATTL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "exit 1", func(t *config.Task) { t.Failed.TTL = 0 })
	r.push("T", "{}", "{}")
	r.start()
	r.ended(2)
	if keys := r.server.Keys(t, "q:T*"); len(keys) != 0 {
		t.Errorf("left in redis: %v", keys)
	}
}

func TestEntriesOf5MB(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "echo $#; exit 1")
	entry := `{"args":["a"],"payload":"` + strings.Repeat("x", 5<<20) + `"}`
	record := failOne(t, r, entry)
	if len(record["payload"].(string)) != 5<<20 || record["error_message"] != "exit status 1\n1\n" {
		t.Errorf("%d bytes of payload, %q", len(record["payload"].(string)), record["error_message"])
	}
}

func TestOutputOf1GBRunsAtConstantMemory(t *testing.T) { // alone: it measures this process
	r := newRig(t)
	r.task("T", "head -c 1000000000 /dev/zero; echo end; exit 1")
	message := failOne(t, r, "{}")["error_message"].(string)
	if len(message) > 80<<10 || !strings.HasSuffix(message, "\x00end\n") || !strings.Contains(message[:200], "bytes left out") {
		t.Errorf("%d bytes: %q … %q", len(message), message[:60], message[len(message)-20:])
	}
	if peak := peakMemory(t); peak > 300<<20 {
		t.Errorf("the test's process grew to %d MiB", peak>>20)
	}
}

// peakMemory is the highest resident memory of this process in bytes (VmHWM of
// proc_pid_status(5)).
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// A child that keeps the output open must not hold the slot. This one lives until the
// test's folder is removed.
func TestAChildThatKeepsTheOutputOpenDoesNotHoldTheSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", `sh -c 'echo $$ >"$1/child"; while [ -e "$1/child" ]; do sleep 0.05; done' x "$D" & while ! [ -s "$D/child" ]; do sleep 0.05; done`)
	r.push("T", "{}")
	r.start()
	r.ended(1)
	if !alive(t, strings.TrimSpace(r.read("child"))) {
		t.Error("the child was not left alone, as 1.6.5 left it")
	}
}

// 1.6.5 had one line per failure on standard output; here it is a record.
func TestFailuresAreLoggedWithWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.task("T", "echo the database is gone >&2; exit 3")
	failOne(t, r, `{"args":["secret-password"]}`)
	log := r.log.String()
	for _, part := range []string{"task failed", "exit status 3", "the database is gone", "task_type=T", "exit_status=3"} {
		if !strings.Contains(log, part) {
			t.Errorf("the log lacks %q", part)
		}
	}
	if strings.Contains(log, "secret-password") {
		t.Error("the log holds the payload")
	}
}
