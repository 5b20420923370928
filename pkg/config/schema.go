package config

import "time"

// maxWorkers is far above what one machine runs; it catches a slip of the hand.
const maxWorkers = 65536

// The bounds of priority and weight. Types can't be told further apart by people,
// and a type of the least weight has to get a turn in a lifetime.
const (
	lowestPriority  = -100
	highestPriority = 100
	maxWeight       = 10000
)

// maxDatabase bounds the number of a Redis database. Redis has 16 of them unless
// its own configuration says otherwise.
const maxDatabase = 65535

// maxFailed is the length of the longest list in Redis.
const maxFailed = 1<<32 - 1

// key is one key that may stand in a table S.
type key[S any] struct {
	name string
	put  func(d *decoder, s *S, it item)
	old  bool // of 1.x and without effect: accepted, not offered
}

// leaf makes a key that holds one value.
func leaf[S, T any](name string, k kind[T], field func(*S) *value[T]) key[S] {
	return key[S]{name: name, put: func(d *decoder, s *S, it item) {
		v, wrong := k(it.value)
		assign(d, field(s), v, wrong, it)
	}}
}

// table makes a key that is a table of keys.
func table[S, T any](name string, keys func() []key[T], field func(*S) *T) key[S] {
	return key[S]{name: name, put: func(d *decoder, s *S, it item) { putTable(d, keys(), field(s), it) }}
}

// idle makes a key of 1.x that is accepted and does nothing.
func idle[S any](name, notice string) key[S] {
	return key[S]{name: name, old: true, put: func(d *decoder, _ *S, _ item) { d.idle = append(d.idle, notice) }}
}

func old[S any](k key[S]) key[S] {
	k.old = true
	return k
}

// The functions below are the list of all keys, one per table.

func topKeys() []key[settings] {
	keys := []key[settings]{
		leaf("redis_network", network, func(s *settings) *value[string] { return &s.redisNetwork }),
		leaf("redis_address", nonEmpty, func(s *settings) *value[string] { return &s.redisAddress }),
		leaf("queue_key", nonEmpty, func(s *settings) *value[string] { return &s.queueKey }),
		leaf("error_script", text, func(s *settings) *value[string] { return &s.errorScript }),
		leaf("temp_dir", text, func(s *settings) *value[string] { return &s.tempDir }),
		leaf("logfile", text, func(s *settings) *value[string] { return &s.logfile }),
		leaf("start_timeout", span("10s"), func(s *settings) *value[time.Duration] { return &s.startTimeout }),
		leaf("shutdown_timeout", span("90s"), func(s *settings) *value[time.Duration] { return &s.shutdownTimeout }),
		leaf("max_running", within(0, maxWorkers), func(s *settings) *value[int64] { return &s.maxRunning }),
		leaf("on_lease_loss", oneOf("continue", "stop"), func(s *settings) *value[string] { return &s.onLeaseLoss }),
		idle[settings]("interval_min", "interval_min"),
		idle[settings]("interval_max", "interval_max"),
		idle[settings]("interval_factor", "interval_factor"),
		table("redis", redisKeys, func(s *settings) *redisSettings { return &s.redis }),
		table("stats", statsKeys, func(s *settings) *statsSettings { return &s.stats }),
		{name: "tasks", put: putTasks},
	}
	return append(keys, commonKeys(func(s *settings) *common { return &s.common })...)
}

func taskKeys() []key[taskSettings] {
	keys := []key[taskSettings]{
		leaf("script", command, func(t *taskSettings) *value[[]string] { return &t.script }),
		leaf("workers", atMost(maxWorkers, whole("processes")), func(t *taskSettings) *value[int64] { return &t.workers }),
		leaf("priority", within(lowestPriority, highestPriority), func(t *taskSettings) *value[int64] { return &t.priority }),
		leaf("weight", within(1, maxWeight), func(t *taskSettings) *value[int64] { return &t.weight }),
		leaf("allow_unsafe_env", toggle, func(t *taskSettings) *value[bool] { return &t.allowUnsafeEnv }),
		table("total", totalKeys, func(t *taskSettings) *limitSettings { return &t.total }),
		leaf("env_allow", variables, func(t *taskSettings) *value[[]string] { return &t.envAllow }),
		{name: "environment", put: putEnvironment},
		leaf("stdin", oneOf("empty", "entry"), func(t *taskSettings) *value[string] { return &t.stdin }),
		leaf("user", account, func(t *taskSettings) *value[string] { return &t.user }),
		leaf("group", account, func(t *taskSettings) *value[string] { return &t.group }),
		leaf("working_directory", nonEmpty, func(t *taskSettings) *value[string] { return &t.workingDirectory }),
		leaf("umask", fileMode, func(t *taskSettings) *value[int64] { return &t.umask }),
		leaf("nice", within(-20, 19), func(t *taskSettings) *value[int64] { return &t.nice }),
		leaf("ionice", ioPriority, func(t *taskSettings) *value[IONice] { return &t.ionice }),
		leaf("oom_score_adj", within(-1000, 1000), func(t *taskSettings) *value[int64] { return &t.oomScoreAdj }),
		old(leaf("type", text, func(t *taskSettings) *value[string] { return &t.oldType })),
	}
	keys = append(keys, limitKeys(func(t *taskSettings) *limitSettings { return &t.limits })...)
	return append(keys, commonKeys(func(t *taskSettings) *common { return &t.common })...)
}

// commonKeys are the keys that a task inherits from the top.
func commonKeys[S any](in func(*S) *common) []key[S] {
	keys := []key[S]{
		leaf("failed_tasks_ttl", whole("seconds"), func(s *S) *value[int64] { return &in(s).failedTasksTTL }),
		leaf("failed_tasks_max", within(0, maxFailed), func(s *S) *value[int64] { return &in(s).failedMax }),
		leaf("failed_tasks_max_size", listSize, func(s *S) *value[Bytes] { return &in(s).failedMaxSize }),
		leaf("fail_on_output", oneOf("any", "stdout", "none"), func(s *S) *value[string] { return &in(s).failOnOutput }),
		leaf("on_crash", oneOf("requeue", "fail"), func(s *S) *value[string] { return &in(s).onCrash }),
		leaf("timeout", span("10m"), func(s *S) *value[time.Duration] { return &in(s).timeout }),
		leaf("kill_grace", span("10s"), func(s *S) *value[time.Duration] { return &in(s).killGrace }),
		leaf("leftovers", oneOf("allow", "kill"), func(s *S) *value[string] { return &in(s).leftovers }),
		leaf("backoff_enabled", toggle, func(s *S) *value[bool] { return &in(s).backoffEnabled }),
		leaf("backoff_min", whole("milliseconds"), func(s *S) *value[int64] { return &in(s).backoffMin }),
		leaf("backoff_max", whole("milliseconds"), func(s *S) *value[int64] { return &in(s).backoffMax }),
		leaf("backoff_factor", ratio, func(s *S) *value[float64] { return &in(s).backoffFactor }),
	}
	return append(keys, retryKeys(func(s *S) *retrySettings { return &in(s).retry })...)
}

// limitKeys are those of what a run, or all runs of a type, may take.
func limitKeys[S any](in func(*S) *limitSettings) []key[S] {
	return []key[S]{
		leaf("memory_max", size, func(s *S) *value[Bytes] { return &in(s).memoryMax }),
		leaf("memory_high", size, func(s *S) *value[Bytes] { return &in(s).memoryHigh }),
		leaf("cpu_quota", percent, func(s *S) *value[int64] { return &in(s).cpuQuota }),
		leaf("cpu_weight", within(1, maxShare), func(s *S) *value[int64] { return &in(s).cpuWeight }),
		leaf("io_weight", within(1, maxShare), func(s *S) *value[int64] { return &in(s).ioWeight }),
		leaf("tasks_max", count, func(s *S) *value[int64] { return &in(s).tasksMax }),
	}
}

func totalKeys() []key[limitSettings] {
	return limitKeys(func(s *limitSettings) *limitSettings { return s })
}

func redisKeys() []key[redisSettings] {
	keys := []key[redisSettings]{
		leaf("database", within(0, maxDatabase), func(s *redisSettings) *value[int64] { return &s.database }),
	}
	keys = append(keys, loginKeys(func(s *redisSettings) *login { return &s.login })...)
	return append(keys,
		table("tls", tlsKeys, func(s *redisSettings) *tlsSettings { return &s.tls }),
		table("sentinel", sentinelKeys, func(s *redisSettings) *sentinelSettings { return &s.sentinel }),
	)
}

// loginKeys has no key for a password: it stands in a file of its own, so that
// this one can be shown, copied and kept in version control.
func loginKeys[S any](in func(*S) *login) []key[S] {
	return []key[S]{
		leaf("username", word, func(s *S) *value[string] { return &in(s).username }),
		leaf("password_file", passwordFile, func(s *S) *value[string] { return &in(s).passwordFile }),
	}
}

func tlsKeys() []key[tlsSettings] {
	return []key[tlsSettings]{
		leaf("enabled", toggle, func(s *tlsSettings) *value[bool] { return &s.enabled }),
		leaf("ca_file", text, func(s *tlsSettings) *value[string] { return &s.caFile }),
		leaf("cert_file", text, func(s *tlsSettings) *value[string] { return &s.certFile }),
		leaf("key_file", text, func(s *tlsSettings) *value[string] { return &s.keyFile }),
		leaf("server_name", serverName, func(s *tlsSettings) *value[string] { return &s.serverName }),
	}
}

func sentinelKeys() []key[sentinelSettings] {
	keys := []key[sentinelSettings]{
		{name: "addresses", put: putAddresses},
		leaf("master", word, func(s *sentinelSettings) *value[string] { return &s.master }),
	}
	return append(keys, loginKeys(func(s *sentinelSettings) *login { return &s.login })...)
}

func statsKeys() []key[statsSettings] {
	return []key[statsSettings]{
		leaf("interface", text, func(s *statsSettings) *value[string] { return &s.iface }),
		leaf("pattern", text, func(s *statsSettings) *value[string] { return &s.pattern }),
		leaf("tls_cert_file", text, func(s *statsSettings) *value[string] { return &s.tlsCertFile }),
		leaf("tls_key_file", text, func(s *statsSettings) *value[string] { return &s.tlsKeyFile }),
		{name: "newrelic", put: putNewRelic, old: true},
	}
}

// newRelicKeys holds beta_token too: 1.5 had it while New Relic's agent was new.
func newRelicKeys() []key[struct{}] {
	return []key[struct{}]{
		idle[struct{}]("license", newRelicTable),
		idle[struct{}]("app_name", newRelicTable),
		idle[struct{}]("beta_token", newRelicTable),
	}
}

// names lists the keys that one would write today, in the order of the schema.
func names[S any](keys []key[S]) []string {
	var list []string
	for _, k := range keys {
		if !k.old {
			list = append(list, k.name)
		}
	}
	return list
}
