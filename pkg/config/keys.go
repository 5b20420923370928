package config

import (
	"slices"
	"strings"
	"time"

	"github.com/nevsnode/gordon/v2/internal/failures"
)

// Limits of values. Those of workers and max_attempts are far above any use and
// catch typing errors.
const (
	maxWorkers                      = 65536
	maxMaxAttempts                  = 1_000_000
	lowestPriority, highestPriority = -100, 100
	maxWeight                       = 10000     // a type of weight 1 still gets a turn within a lifetime
	maxDatabase                     = 65535     // Redis has 16 databases unless its configuration has more
	maxFailed                       = 1<<32 - 1 // length of the longest list in Redis
)

// The functions below declare every key, one function per table: the name, the
// allowed values, the default, and the field.

// topKeys declares the keys outside of tables: those of c, and those that tasks
// inherit, which are set in defaults.
func topKeys(c *Config, defaults *draft) []key {
	own := []key{
		leaf("redis_network", network, "", &c.RedisNetwork),
		leaf("redis_address", nonEmpty, exampleRedis, &c.RedisAddress),
		leaf("queue_key", nonEmpty, "taskqueue", &c.QueueKey),
		leaf("error_script", text, "", &c.ErrorScript).needs(NeedProgram),
		file("temp_dir", text, nil, defaultTempDir(), &c.TempDir).needs(NeedFolder),
		file("logfile", text, nil, "", &c.Logfile).needs(NeedLogfile),
		leaf("start_timeout", duration("10s"), 10*time.Second, &c.StartTimeout),
		leaf("shutdown_timeout", duration("90s"), 90*time.Second, &c.ShutdownTimeout),
		leaf("max_running", within[int](0, maxWorkers), 0, &c.MaxRunning),
		leaf("on_lease_loss", oneOf(LeaseLossContinue, LeaseLossStop), LeaseLossContinue, &c.OnLeaseLoss),
		ignored("interval_min", "interval_min"),
		ignored("interval_max", "interval_max"),
		ignored("interval_factor", "interval_factor"),
		table("redis", redisKeys(&c.Redis)),
		table("stats", statsKeys(&c.Stats)),
		{name: "tasks", read: (*decoder).postpone},
	}
	return append(own, inherited(taskKeys(defaults))...)
}

// taskKeys declares the keys of a [tasks.NAME] table.
func taskKeys(t *draft) []key {
	own := []key{
		{name: "script", read: t.readScript},
		leaf("workers", atMost(maxWorkers, integer[int]("processes")), 1, &t.Workers),
		leaf("priority", within[int](lowestPriority, highestPriority), 0, &t.Priority),
		leaf("weight", within[int](1, maxWeight), defaultWeight, &t.Weight),
		leaf("allow_unsafe_env", boolean, false, &t.Env.AllowUnsafe),
		table("total", limitKeys(&t.Total)),
		leaf("env_allow", variables, nil, &t.Env.Allow),
		{name: "environment", read: t.readEnvironment},
		leaf("stdin", oneOf(StdinEmpty, StdinEntry), StdinEmpty, &t.Stdin),
		leaf("user", account, "", &t.Process.User),
		leaf("group", account, "", &t.Process.Group),
		file("working_directory", nonEmpty, isHome, "", &t.Process.WorkingDirectory),
		leaf("umask", optional(fileMode), nil, &t.Process.Umask),
		leaf("nice", optional(within[int](-20, 19)), nil, &t.Process.Nice),
		leaf("ionice", ioPriority, IONice{}, &t.Process.IONice),
		leaf("oom_score_adj", optional(within[int](-1000, 1000)), nil, &t.Process.OOMScoreAdj),
		{name: "type", read: t.readType, obsolete: true},
	}
	return slices.Concat(own, limitKeys(&t.Limits), inherit(
		leaf("failed_tasks_ttl", integer[int64]("seconds"), 0, &t.v1.failedTasksTTL),
		leaf("failed_tasks_max", within[int](0, maxFailed), 0, &t.Failed.Max),
		leaf("failed_tasks_max_size", listSize, 16<<20, &t.Failed.MaxSize),
		leaf("error_message_max", sizeWithin(1<<10, 1<<20), 144<<10, &t.Failed.MessageMax),
		leaf("fail_on_output", oneOf(FailOnAny, FailOnStdout, FailOnNone), FailOnAny, &t.FailOnOutput),
		leaf("on_crash", oneOf(CrashRequeue, CrashFail), CrashRequeue, &t.OnCrash),
		leaf("timeout", duration("10m"), 0, &t.Timeout),
		leaf("kill_grace", duration("10s"), 10*time.Second, &t.KillGrace),
		leaf("leftovers", oneOf(LeftoversAllow, LeftoversKill), LeftoversAllow, &t.Leftovers),
		leaf("backoff_enabled", boolean, false, &t.Backoff.Enabled),
		leaf("backoff_min", integer[int64]("milliseconds"), 0, &t.v1.backoffMin),
		leaf("backoff_max", integer[int64]("milliseconds"), 0, &t.v1.backoffMax),
		leaf("backoff_factor", ratio, 0, &t.v1.backoffFactor),
		leaf("max_attempts", within[int](1, maxMaxAttempts), 1, &t.Retry.MaxAttempts),
		leaf("retry_delay", duration("10s"), 10*time.Second, &t.Retry.Delay),
		leaf("retry_delay_max", duration("1h"), time.Hour, &t.Retry.DelayMax),
		leaf("retry_factor", factor, 2, &t.Retry.Factor),
		leaf("retry_jitter", fraction, 0.1, &t.Retry.Jitter),
		leaf("retry_on", failureSet, failures.All(), &t.Retry.On),
		leaf("no_retry_on", failureSet, failures.Permanent(), &t.noRetryOn),
	))
}

// limitKeys declares the limits of one run, or of all runs of a type together.
func limitKeys(l *Limits) []key {
	return []key{
		limit("memory_max", "memory", size, &l.MemoryMax),
		limit("memory_high", "memory", size, &l.MemoryHigh),
		limit("cpu_quota", "cpu", percent, &l.CPUQuota),
		limit("cpu_weight", "cpu", share, &l.CPUWeight),
		limit("io_weight", "io", share, &l.IOWeight),
		limit("tasks_max", "pids", count, &l.TasksMax),
	}
}

// redisKeys and sentinelKeys have no key for a password: it belongs in a separate
// file, so that gordon.toml can be shown, copied and kept in version control.
func redisKeys(r *Redis) []key {
	return []key{
		leaf("database", within[int](0, maxDatabase), 0, &r.Database),
		leaf("username", noSpaces, "", &r.Username),
		file("password_file", passwordFile, isCredential, "", &r.PasswordFile).needs(NeedPassword),
		table("tls", tlsKeys(&r.TLS)),
		table("sentinel", sentinelKeys(&r.Sentinel)),
	}
}

func tlsKeys(t *TLS) []key {
	return []key{
		leaf("enabled", boolean, false, &t.Enabled),
		file("ca_file", text, nil, "", &t.CAFile).needs(NeedAuthorities),
		file("cert_file", text, nil, "", &t.CertFile).needs(NeedCertificate),
		file("key_file", text, nil, "", &t.KeyFile).needs(NeedKey),
		leaf("server_name", serverName, "", &t.ServerName),
	}
}

func sentinelKeys(s *Sentinel) []key {
	return []key{
		{name: "addresses", field: &s.Addresses, read: s.readAddresses},
		leaf("master", noSpaces, "", &s.Master),
		leaf("username", noSpaces, "", &s.Username),
		file("password_file", passwordFile, isCredential, "", &s.PasswordFile).needs(NeedPassword),
	}
}

func statsKeys(s *Stats) []key {
	return []key{
		leaf("interface", text, "", &s.Interface),
		leaf("pattern", text, defaultPattern, &s.Pattern),
		file("tls_cert_file", text, nil, "", &s.TLSCertFile).needs(NeedCertificate),
		file("tls_key_file", text, nil, "", &s.TLSKeyFile).needs(NeedKey),
		{name: "newrelic", read: (*decoder).readNewRelic, table: newRelicKeys(), obsolete: true},
	}
}

// newRelicKeys includes beta_token: 1.5 had it before New Relic's agent was final.
func newRelicKeys() []key {
	return []key{
		ignored("license", newRelicTable),
		ignored("app_name", newRelicTable),
		ignored("beta_token", newRelicTable),
	}
}

// prefill sets the defaults of all keys.
func prefill(keys []key) {
	for _, k := range keys {
		if k.prefill != nil {
			k.prefill()
		}
		prefill(k.table)
	}
}

// find returns the key of this name, in any case, as in 1.x.
func find(keys []key, name string) (key, bool) {
	for _, k := range keys {
		if strings.EqualFold(k.name, name) {
			return k, true
		}
	}
	return key{}, false
}

// inherited returns the keys that are allowed at the top as well.
func inherited(keys []key) []key {
	var list []key
	for _, k := range keys {
		if k.inherited {
			list = append(list, k)
		}
	}
	return list
}

// inherit marks keys as inherited.
func inherit(keys ...key) []key {
	for i := range keys {
		keys[i].inherited = true
	}
	return keys
}

// names lists the keys that have an effect, in the order of their declarations.
func names(keys []key) []string {
	var list []string
	for _, k := range keys {
		if !k.obsolete {
			list = append(list, k.name)
		}
	}
	return list
}
