package config

import (
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzLoad checks that Load does not panic, whatever the files contain. It returns
// either a valid configuration, or faults that each have a file and a message.
func FuzzLoad(f *testing.F) {
	for _, file := range []string{samplePath, filepath.Join("testdata", "gordon-1.6.5.toml"), "../../internal/tomlfile/testdata/keys.toml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "")
		f.Add("", string(text))
		f.Add(strings.ReplaceAll(string(text), "\n#", "\n"), "")
	}
	for _, main := range []string{
		"", "\ufeff", "\xff\xfe", "\x00", "\x03", "=", "a = [[[[[[", task(), "[[tasks]]\ntype = \"a\"\nscript = \"b\"\n", "tasks = [ 1, {} ]\n",
		"queue_key = 1\nredis_network = []\nredis_address = {}\n[stats]\npattern = 2020-01-01\n", "stats = { tls_key_file = \"x\" }\n",
		"[redis]\ndatabase = 1\nusername = \"u\"\npassword_file = \"credential:x\"\n[redis.tls]\nenabled = true\nserver_name = \"x\"\n",
		"[redis.sentinel]\naddresses = [\"a\", \"::1\", \"[::1]\", \":\", \"\", 1]\nmaster = \"m\"\n", "[redis.sentinel]\naddresses = [\"a\"]\nmaster = \"m\"\n",
		"redis_network = \"unix\"\n[redis]\ntls.enabled = true\ntls.ca_file = \"\"\nsentinel = { addresses = [] }\n", "redis.password = x\n", "redis = []\n",
		"shutdown_timeout = 90\nstart_timeout = \"x\"\nkill_grace = -1.5\n", "backoff_factor = nan\nbackoff_min = 9223372036854775807\n",
		"[tasks.\"a\\u0000\"]\n[tasks.\"\"]\n[tasks.instance]\n[tasks.a]\n[tasks.\"a:failed\"]\n[tasks.\"a:run:x\"]\n",
		"workers = 1\n[stats]\nlogfile = \"\"\n[mail]\nscript = 1\n", "[Tasks.ſ]\nſcript = \"K\"\nScript = \"K\"\n",
		"[tasks.\"\u202e\ufeff🙂日本\"]\nscript = \"/\u0301\"\n", "[stats]\npattern = \"/{\"\ninterface = \"[::\"\n",
	} {
		f.Add(main, "")
		f.Add(task(), main)
	}
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "gordon.d"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, main, dropIn string) {
		files := []string{filepath.Join(dir, "gordon.toml"), filepath.Join(dir, "gordon.d", "a.toml")}
		for i, text := range []string{main, dropIn} {
			if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(files[0], binDir)
		if err != nil {
			checkFaults(t, err, files)
			return
		}
		checkConfig(t, c)
		again, err := Load(files[0], binDir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("the same files give another configuration:\n%s", diff)
		}
	})
}

func checkFaults(t *testing.T, err error, files []string) {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("error %T %v, want Faults", err, err)
	}
	for _, f := range faults {
		if !slices.Contains(files, f.File) || f.Message == "" || strings.Contains(f.Message, "%!") {
			t.Errorf("fault %+v", f)
		}
		if f.Line == 0 && !strings.HasPrefix(f.Message, "syntax: the file is not valid") {
			t.Errorf("fault without a line: %+v", f)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(faults) {
		t.Errorf("%d faults in %d lines:\n%v", len(faults), got, err)
	}
}

func checkRedis(t *testing.T, c *Config) {
	t.Helper()
	isFile := func(path string) bool { return path == "" || filepath.IsAbs(path) }
	isPassword := func(file string) bool {
		name, ok := strings.CutPrefix(file, CredentialPrefix)
		return ok && name != "" && !strings.Contains(name, "/") || isFile(file)
	}
	r, tls, sentinel := c.Redis, c.Redis.TLS, c.Redis.Sentinel
	ok := (c.RedisNetwork == "tcp" || c.RedisNetwork == "unix" && filepath.IsAbs(c.RedisAddress) && !tls.Enabled) &&
		(c.RedisAddress == "") == (len(sentinel.Addresses) > 0) && (sentinel.Master == "") == (len(sentinel.Addresses) == 0) &&
		r.Database >= 0 && r.Database <= maxDatabase && isPassword(r.PasswordFile) && isPassword(sentinel.PasswordFile) &&
		(r.Username == "" || r.PasswordFile != "") && (sentinel.Username == "" || sentinel.PasswordFile != "") &&
		isFile(tls.CAFile) && isFile(tls.CertFile) && isFile(tls.KeyFile) && (tls.CertFile == "") == (tls.KeyFile == "") &&
		(tls.Enabled || tls == TLS{})
	for _, addr := range sentinel.Addresses {
		ok = ok && checkHostPort(addr, "", 1) == nil
	}
	if !ok {
		t.Errorf("configuration %+v", c)
	}
}

// validAttributes reports whether the kernel accepts the attributes.
func validAttributes(task Task) bool {
	in := func(p *int, lo, hi int) bool { return p == nil || lo <= *p && *p <= hi }
	p := task.Process
	return in(p.Umask, 0, 0o777) && in(p.Nice, -20, 19) && in(p.OOMScoreAdj, -1000, 1000) && in(&p.IONice.Level, 0, 7) &&
		slices.Contains([]string{"", "realtime", "best-effort", "idle"}, p.IONice.Class) &&
		slices.Contains([]Stdin{StdinEmpty, StdinEntry}, task.Stdin) &&
		(p.WorkingDirectory == "" || filepath.IsAbs(p.WorkingDirectory) || p.WorkingDirectory == HomeDir && p.User != "") &&
		task.Origins["script"].Line > 0 && !slices.Contains(task.Env.Allow, "")
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	checkRedis(t, c)
	ok := c.QueueKey != "" && filepath.IsAbs(c.TempDir) &&
		(c.Logfile == "" || filepath.IsAbs(c.Logfile)) &&
		slices.Contains([]OnLeaseLoss{LeaseLossContinue, LeaseLossStop}, c.OnLeaseLoss) &&
		min(c.StartTimeout, c.ShutdownTimeout, c.KillGrace) >= 0 &&
		(c.Stats.TLSCertFile == "") == (c.Stats.TLSKeyFile == "")
	if !ok {
		t.Errorf("configuration %+v", c)
	}
	http.NewServeMux().HandleFunc(c.Stats.Pattern, func(http.ResponseWriter, *http.Request) {}) // panics on a bad one
	for name, task := range c.Tasks {
		b := task.Backoff
		ok := name != "" && task.Type == name && filepath.IsAbs(task.Script) && task.Workers >= 1 && task.Workers <= maxWorkers &&
			task.Failed.TTL >= 0 && task.Failed.TTL%time.Second == 0 &&
			b.Min >= 100*time.Millisecond && b.Max >= b.Min && b.Factor >= 1 && !math.IsInf(b.Factor, 0) &&
			slices.Contains([]FailOnOutput{FailOnAny, FailOnStdout, FailOnNone}, task.FailOnOutput) &&
			slices.Contains([]OnCrash{CrashRequeue, CrashFail}, task.OnCrash) && validAttributes(task)
		if !ok {
			t.Errorf("task %q: %+v", name, task)
		}
	}
	for _, n := range c.Notices {
		if n == "" || strings.Contains(n, "\n") {
			t.Errorf("notice %q", n)
		}
	}
}
