package config

import (
	"slices"
	"strings"
	"testing"
)

func TestMistakesInTOMLHaveAHint(t *testing.T) {
	for text, want := range map[string]string{
		"queue_key = hello\n":                      `expected value but found "hello" instead; strings need quotes, as in queue_key = "hello"`,
		task("timeout = 90s"):                      `; strings need quotes, as in timeout = "90s"`,
		task("timeout = 5 minutes # long"):         `; strings need quotes, as in timeout = "5 minutes"`,
		task("user = www-data"):                    `; strings need quotes, as in user = "www-data"`,
		task("umask = 0022"):                       `; strings need quotes, as in umask = "0022"`,
		"redis_address = 127.0.0.1:6379\n":         `; strings need quotes, as in redis_address = "127.0.0.1:6379"`,
		"[tasks.a]\nscript = /bin/true\n":          `; strings need quotes, as in script = "/bin/true"`,
		"[tasks.a]\nscript = “/bin/true”\n":        `; strings need straight quotes, as in "text"`,
		"[tasks.a]\nscript = ['/x', worker.php]\n": `; strings need quotes, also in an array: ["first", "second"]`,
		"tasks:\n  a:\n":                           `; key and value are separated by =`,
		"[tasks.a]\nscript: \"/bin/true\"\n":       `; key and value are separated by =`,
		"{\"queue_key\": \"x\"}\n":                 `; this is JSON, but gordon reads TOML`,
	} {
		if got := refuse(t, text); len(got) != 1 || !strings.HasSuffix(strings.Split(got[0], " (")[0], want) && !strings.Contains(got[0], want) {
			t.Errorf("%q: %q, want %q at its end", text, got, want)
		}
	}
}

func TestUnknownKeysAreGuessedByTheirMeaning(t *testing.T) {
	for text, want := range map[string]string{
		task("command = \"x\""):          "did you mean script?",
		task("retries = 3"):              "did you mean max_attempts?",
		task("concurrency = 3"):          "did you mean workers?",
		task("numprocs = 3"):             "did you mean workers?",
		task("memory_limit = \"1G\""):    "did you mean memory_max?",
		task("cwd = \"/\""):              "did you mean working_directory?",
		task("env = { A = \"b\" }"):      "did you mean environment?",
		task("enabled = false"):          "a task cannot be disabled here: remove it",
		"concurrency = 3\n" + task():     "did you mean max_running?",
		"redis_url = \"x\"\n" + task():   "did you mean redis_address?",
		"prefix = \"x\"\n" + task():      "did you mean queue_key?",
		"[redis]\ndb = 1\n" + task():     "did you mean database?",
		"[redis.tls]\nca = \"x\"\n":      "did you mean ca_file?",
		"[stats]\nlisten = \"x\"\n":      "did you mean interface?",
		"[redis.sentinel]\nhosts = []\n": "did you mean addresses?",
	} {
		got := refuse(t, text)
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "unknown key; "+want) }) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// Each name means one existing key of a table.
	tables := [][]key{schema(), taskKeys(new(draft)), redisKeys(new(Redis)), tlsKeys(new(TLS)), sentinelKeys(new(Sentinel)), statsKeys(new(Stats))}
	for _, keys := range tables {
		known := names(keys)
		seen := make(map[string]string)
		for _, m := range meanings() {
			for n := range strings.FieldsSeq(m.names) {
				if !slices.Contains(known, m.key) {
					continue
				}
				if seen[n] != "" {
					t.Errorf("%s means %s and %s", n, seen[n], m.key)
				}
				seen[n] = m.key
			}
		}
	}
}

func TestUnknownKeysNameFiveOthersAtMost(t *testing.T) {
	got := refuse(t, task("colour = 3"))[0]
	if n := strings.Count(got, ","); n != maxSuggested-1 || !strings.Contains(got, "and others; see gordon.toml(5)") {
		t.Errorf("%d commas: %s", n, got)
	}
	if got := refuse(t, task("failed_list = 3"))[0]; !strings.Contains(got, "failed_tasks_max") {
		t.Error(got)
	}
}
