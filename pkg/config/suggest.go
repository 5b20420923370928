package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nevsnode/gordon/v2/internal/tomlfile"
)

// unknown returns the message about a key that its table does not have. known are
// the keys of the table.
func unknown(v tomlfile.Value, known []string) string {
	name := v.Key.Name()
	if holdsPassword(v.Key) {
		return passwordAdvice
	}
	if other := elsewhere(v.Key); other != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", other)
	}
	if near := tomlfile.Nearest(name, known); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", near)
	}
	if meant := meaning(name, known); meant != "" {
		return "unknown key; " + meant
	}
	if place := placeOf(name); place != "" {
		return "unknown key here; it belongs " + place
	}
	if table, ok := v.Raw.(map[string]any); ok && len(v.Key) == 1 && table["script"] != nil {
		return fmt.Sprintf("unknown table; did you mean [tasks.%s]?", v.Key)
	}
	if len(known) == 0 {
		return "unknown key; this table has no effect and can be removed"
	}
	return fmt.Sprintf("unknown key; valid keys are %s; see gordon.toml(5)", closest(name, known))
}

// maxSuggested limits the keys that a fault names: a reader cannot search more.
const maxSuggested = 5

// closest lists the keys that are most like a name.
func closest(name string, known []string) string {
	list := tomlfile.Rank(name, known)
	if len(list) <= maxSuggested {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:maxSuggested], ", ") + " and others"
}

// passwordAdvice is the message about a key that would hold a password.
const passwordAdvice = "passwords are not allowed in this file: put the password in a separate file with mode 0600 or 0640, " +
	`or in a systemd credential, and set password_file in [redis] or [redis.sentinel] to its absolute path or to "credential:NAME"`

// holdsPassword reports whether an unknown key probably holds the password of Redis.
// Its value must not appear in a fault.
func holdsPassword(path tomlfile.Key) bool {
	name := plain(path.Name())
	short := strings.TrimPrefix(strings.TrimPrefix(name, "redis"), "sentinel")
	if !slices.Contains([]string{"password", "passwd", "passphrase", "pass", "auth", "requirepass"}, short) {
		return false
	}
	// A name without the prefix means Redis only in the tables of Redis. A name with
	// the prefix may be in the wrong table.
	return len(path) == 1 || strings.EqualFold(path[0], "redis") || short != name
}

// plain returns a name in lower case without separators.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// meaning returns advice for a key that another program has for one of ours, or "".
func meaning(name string, known []string) string {
	name = plain(name)
	if slices.Contains([]string{"enabled", "enable", "disabled", "disable", "active"}, name) && slices.Contains(known, "script") {
		return "a task cannot be disabled here: remove it, or pause its type by adding it to the set queue_key:paused in Redis (see gordon-queue(7))"
	}
	for _, m := range meanings() {
		if slices.Contains(known, m.key) && slices.Contains(strings.Fields(m.names), name) {
			return fmt.Sprintf("did you mean %s?", m.key)
		}
	}
	return ""
}

// meanings are the names that other queues, systemd and cron have for our keys.
func meanings() []struct{ key, names string } {
	return []struct{ key, names string }{
		{"script", "command commands cmd exec execstart program path run binary executable file handler entrypoint shell"},
		{"workers", "concurrency parallel parallelism processes procs numprocs threads instances count maxworkers jobs poolsize"},
		{"max_running", "maxworkers maxconcurrency concurrency maxtasks maxjobs totalworkers globalworkers"},
		{"max_attempts", "retries retry maxretries attempts tries maxtries retrycount retrylimit"},
		{"retry_delay", "retryinterval retryafter retrywait backoff delay restartsec"},
		{"timeout", "timelimit maxruntime runtimemaxsec ttr deadline maxtime killafter"},
		{"kill_grace", "stopwaitsecs graceperiod killtimeout terminationgraceperiod killwait"},
		{"shutdown_timeout", "stoptimeout timeoutstopsec graceful gracefultimeout draintimeout stopwait"},
		{"failed_tasks_ttl", "failedttl failurettl deadttl keepfailed retention resultttl failedtaskttl"},
		{"failed_tasks_max", "deadmaxjobs maxfailed failedmax maxfailedtasks"},
		{"environment", "env envs variables vars setenv"},
		{"env_allow", "envwhitelist allowedenv allowenv envallowlist passenv"},
		{"user", "runas uid username account owner"},
		{"group", "gid groupname"},
		{"working_directory", "cwd dir directory workdir workingdir chdir folder"},
		{"memory_max", "memory memorylimit memlimit maxmemory ram mem"},
		{"cpu_quota", "cpu cpulimit cpus maxcpu"},
		{"tasks_max", "pidslimit maxpids nproc maxprocesses limitnproc"},
		{"queue_key", "queue prefix namespace queuename keyprefix queueprefix"},
		{"redis_address", "redis redisurl redishost host address server url broker brokerurl addr"},
		{"redis_network", "network protocol"},
		{"logfile", "log logpath output logging logto"},
		{"error_script", "onerror onfailure notify errorhook failurescript errorcommand"},
		{"database", "db dbnumber index"},
		{"username", "user login"},
		{"ca_file", "cacert ca cafile cacertificate rootca"},
		{"cert_file", "cert certificate clientcert"},
		{"key_file", "key privatekey clientkey"},
		{"server_name", "sni servername hostname"},
		{"master", "mastername service"},
		{"addresses", "sentinels hosts nodes address servers"},
		{"interface", "listen bind address addr port host"},
		{"pattern", "path url route"},
		{"on_crash", "crash onabort"},
		{"fail_on_output", "ignoreoutput allowoutput failonstderr"},
	}
}

// schema returns the keys of all tables, not bound to a configuration.
func schema() []key {
	c := new(Config)
	return append(topKeys(c, new(draft)), table("tasks.NAME", taskKeys(new(draft))))
}

// elsewhere returns the right key if redis_ and [redis] are confused: the oldest keys
// of Redis are at the top of the file, the others in the table.
func elsewhere(path tomlfile.Key) string {
	name := strings.ToLower(path.Name())
	inTable, isLong := strings.CutPrefix(name, "redis_")
	switch {
	case isLong && slices.Contains(names(redisKeys(new(Redis))), inTable):
		return inTable + " in the [redis] table"
	case len(path) == 2 && strings.EqualFold(path[0], "redis") && slices.Contains(names(schema()), "redis_"+name):
		return "redis_" + name + " at the top of the file"
	}
	return ""
}

// placeOf returns the place of a key that is in the wrong table, or "". The usual
// mistake is a key for the whole file below the first [table].
func placeOf(name string) string {
	name = strings.ToLower(name)
	keys := schema()
	if slices.Contains(names(keys), name) {
		return "at the top of the file, before the first [table]"
	}
	switch table := tableOf(name, keys); table {
	case "":
		return ""
	case "tasks.NAME":
		return "in a [tasks.NAME] table"
	default:
		return "in the [" + table + "] table"
	}
}

// tableOf returns the first table that has a key, or "".
func tableOf(name string, keys []key) string {
	for _, k := range keys {
		if slices.Contains(names(k.table), name) {
			return k.name
		}
		if t := tableOf(name, k.table); t != "" {
			return dotted(k.name, t)
		}
	}
	return ""
}
