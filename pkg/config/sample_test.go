package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// defaults has the default of each key as the documents have it. Values in TOML are
// compared with the code; words are not.
func defaults() map[string]string {
	return map[string]string{
		"redis_address":            `"127.0.0.1:6379"`,
		"redis_network":            `"unix" if`,
		"queue_key":                `"taskqueue"`,
		"failed_tasks_ttl":         `0`,
		"failed_tasks_max":         `0`,
		"failed_tasks_max_size":    `"16M"`,
		"error_message_max":        `"144K"`,
		"fail_on_output":           `"any"`,
		"backoff_enabled":          `false`,
		"backoff_min":              `100`,
		"backoff_max":              `as backoff_min`,
		"backoff_factor":           `1.0`,
		"on_crash":                 `"requeue"`,
		"max_running":              `0`,
		"on_lease_loss":            `"continue"`,
		"start_timeout":            `"10s"`,
		"shutdown_timeout":         `"90s"`,
		"timeout":                  `"0s"`,
		"kill_grace":               `"10s"`,
		"max_attempts":             `1`,
		"retry_delay":              `"10s"`,
		"retry_delay_max":          `"1h0m0s"`,
		"retry_factor":             `2.0`,
		"retry_jitter":             `0.1`,
		"no_retry_on":              `["exit 64-65", "exit 77-78"]`,
		"leftovers":                `"allow"`,
		"redis.database":           `0`,
		"redis.tls.enabled":        `false`,
		"redis.sentinel.addresses": `none; Redis is at redis_address`,
		"stats.pattern":            `"/"`,
		"tasks.*.workers":          `1`,
		"tasks.*.priority":         `0`,
		"tasks.*.weight":           `100`,
		"tasks.*.allow_unsafe_env": `false`,
		"tasks.*.memory_max":       `"infinity"`,
		"tasks.*.memory_high":      `"infinity"`,
		"tasks.*.cpu_quota":        `"infinity"`,
		"tasks.*.cpu_weight":       `100`,
		"tasks.*.io_weight":        `100`,
		"tasks.*.tasks_max":        `"infinity"`,
		"tasks.*.total.memory_max": `"infinity"`,
		"tasks.*.total.cpu_weight": `100`,
		"tasks.*.stdin":            `"empty"`,
	}
}

// allKeys lists every key that has a value, such as tasks.*.script.
func allKeys() []string {
	list := keyNames("", schema())
	slices.Sort(list)
	return list
}

func keyNames(table string, keys []key) []string {
	var list []string
	for _, k := range keys {
		name := strings.Replace(dotted(table, k.name), "tasks.NAME", "tasks.*", 1)
		switch {
		case k.table != nil:
			list = append(list, keyNames(name, k.table)...)
		case name != "tasks":
			list = append(list, name)
		}
	}
	return list
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const samplePath = "../../etc/gordon.reference.toml"

// sampleWithAll returns the sample with every commented setting enabled. It is not
// valid: redis_address and [redis.sentinel] exclude each other.
func sampleWithAll(t *testing.T) string {
	return regexp.MustCompile(`(?m)^#([^ \n#])`).ReplaceAllString(readText(t, samplePath), "$1")
}

// without removes the matches of an expression, which must match.
func without(t *testing.T, text, expr string) string {
	t.Helper()
	re := regexp.MustCompile(expr)
	if !re.MatchString(text) {
		t.Fatalf("nothing matches %s", expr)
	}
	return re.ReplaceAllString(text, "")
}

func TestSample_LoadsAsItIs(t *testing.T) {
	c, err := Load(samplePath, binDir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"no tasks are configured"}, c.Notices); diff != "" {
		t.Error(diff)
	}
}

func TestSample_ChangesNoDefaultButTheListOfFailedTasks(t *testing.T) {
	got := load(t, readText(t, samplePath), "gordon.d/mail.toml", task())
	want := load(t, "failed_tasks_ttl = 604800\n"+task())
	got.Path, got.Files, want.Path, want.Files = "", nil, "", nil
	if diff := cmp.Diff(want, got, ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}

// ignoreOrigins ignores the places of values.
func ignoreOrigins() cmp.Option {
	return cmp.Options{cmpopts.IgnoreFields(Task{}, "Origins"), cmpopts.IgnoreFields(Config{}, "Needs")}
}

func TestSample_LoadsWithEverySettingTurnedOn(t *testing.T) {
	c := load(t, without(t, sampleWithAll(t), `(?ms)^\[redis\.sentinel\]$.*?^password_file = .*?$`))
	if c.RedisAddress == "" || !c.Redis.TLS.Enabled || c.Redis.PasswordFile == "" || c.Tasks["mail"].OnCrash != CrashFail {
		t.Errorf("got %+v", c)
	}
	c = load(t, without(t, sampleWithAll(t), `(?m)^redis_address = .*$`))
	if len(c.Redis.Sentinel.Addresses) != 2 || c.Redis.Sentinel.PasswordFile != "credential:sentinel-password" {
		t.Errorf("got %+v", c)
	}
	if len(c.Tasks) != 2 || c.ErrorScript == "" || c.Stats.TLSKeyFile == "" || c.Tasks["mail"].Workers != 4 || len(c.Limits) != 12 {
		t.Errorf("got %+v", c)
	}
	if len(c.Notices) != 1 || !strings.HasPrefix(c.Notices[0], "interval_min, ") {
		t.Errorf("notices %q", c.Notices)
	}
}

func TestSample_HasEveryKeyAndNoOther(t *testing.T) {
	root, err := tomlfile.Parse(sampleWithAll(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(v tomlfile.Value)
	walk = func(v tomlfile.Value) {
		if list, ok := v.Table(); ok && !slices.Contains(v.Key, "environment") {
			for _, child := range list {
				walk(child)
			}
			return
		}
		k := slices.Clone(v.Key)
		if k[0] == "tasks" {
			k[1] = "*"
		}
		got = append(got, strings.Join(k, "."))
	}
	walk(root)
	slices.Sort(got)
	if diff := cmp.Diff(allKeys(), slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
}

func TestSample_HasTheDefaultOfEveryKey(t *testing.T) {
	said := sampleDefaults(readText(t, samplePath))
	for _, k := range allKeys() {
		want, ok := defaults()[k]
		switch {
		case said[k] == "":
			t.Errorf("%s: the sample does not say the default", k)
		case ok && !strings.HasPrefix(said[k], want):
			t.Errorf("%s: the sample says %s, want %s", k, said[k], want)
		}
	}
}

// sampleDefaults returns the text after "Default:" above each key.
func sampleDefaults(text string) map[string]string {
	said := make(map[string]string)
	table, last := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "# Default: "); ok {
			last = text
		}
		setting := strings.TrimPrefix(line, "#")
		if strings.HasPrefix(setting, "[") {
			table = regexp.MustCompile(`tasks\.\w+`).ReplaceAllString(strings.Trim(setting, "[]"), "tasks.*") + "."
			continue
		}
		if name, _, ok := strings.Cut(setting, " = "); ok && !strings.HasPrefix(setting, " ") {
			said[table+name] = last
		}
	}
	return said
}

func TestDefaults_AreWhatTheDocumentsSay(t *testing.T) {
	unset := load(t, task())
	for k, text := range defaults() {
		if strings.Contains(text, " ") && !strings.HasPrefix(text, "[") {
			continue // in words
		}
		table, name := "", k
		if i := strings.LastIndex(k, "."); i >= 0 {
			table, name = "["+strings.ReplaceAll(k[:i], "*", "mail")+"]\n", k[i+1:]
		}
		set := load(t, "", "gordon.d/1.toml", task(), "gordon.d/2.toml", table+name+" = "+text+"\n")
		set.Path, set.Files = unset.Path, unset.Files
		if diff := cmp.Diff(unset, set, ignoreOrigins()); diff != "" {
			t.Errorf("%s = %s is not the default:\n%s", k, text, diff)
		}
	}
	want := Task{
		Type: "mail", Script: "/bin/true", Workers: 1, Weight: 100, Failed: FailedList{MaxSize: 16 << 20, MessageMax: 144 << 10}, FailOnOutput: FailOnAny, OnCrash: CrashRequeue, KillGrace: 10 * time.Second, Leftovers: LeftoversAllow,
		Backoff: Backoff{Min: 100 * time.Millisecond, Max: 100 * time.Millisecond, Factor: 1},
		Retry:   noRetry(), Stdin: StdinEmpty,
	}
	if diff := cmp.Diff(want, unset.Tasks["mail"], ignoreOrigins()); diff != "" {
		t.Error(diff)
	}
}
