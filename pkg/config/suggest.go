package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// unknown says what to do about a key that no table like this one has.
func unknown(it item, known []string) string {
	name := it.path[len(it.path)-1]
	if holdsPassword(it.path) {
		return passwordAdvice
	}
	if other := elsewhere(it.path); other != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", other)
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", near)
	}
	if meant := meaning(name, known); meant != "" {
		return "unknown key; " + meant
	}
	if place := placeOf(name); place != "" {
		return "unknown key here; it belongs " + place
	}
	if table, ok := it.value.(map[string]any); ok && len(it.path) == 1 && table["script"] != nil {
		return fmt.Sprintf("unknown table; did you mean [tasks.%s]?", it.path)
	}
	if len(known) == 0 {
		return "unknown key; nothing in this table has an effect, it can go"
	}
	return fmt.Sprintf("unknown key; allowed here are %s; see gordon.toml(5)", closest(name, known))
}

// maxSuggested is how many keys a fault names. Among more nobody finds the right one.
const maxSuggested = 5

// closest names the keys that look most like a name.
func closest(name string, known []string) string {
	name = strings.ToLower(name)
	list := slices.Clone(known)
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(unlike(name, a), unlike(name, b)) })
	if len(list) <= maxSuggested {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:maxSuggested], ", ") + " and others"
}

// unlike is the distance of two names, less where they have a word in common.
func unlike(name, key string) int {
	d := distance(name, key)
	for word := range strings.SplitSeq(key, "_") {
		if len(word) > 2 && strings.Contains(name, word) {
			d -= 2 * len(word)
		}
	}
	return d
}

// meaning returns advice for a key that another program has for one of ours, or "".
func meaning(name string, known []string) string {
	plain := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
	if slices.Contains([]string{"enabled", "enable", "disabled", "disable", "active"}, plain) && slices.Contains(known, "script") {
		return "a task cannot be turned off: leave it out, or add its type to the set queue_key:paused in Redis (see gordon-queue(7))"
	}
	for _, m := range meanings() {
		if slices.Contains(known, m.key) && slices.Contains(strings.Fields(m.names), plain) {
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

// elsewhere returns the key that is meant where redis_ and [redis] are mixed up:
// the oldest keys of Redis stand at the top, the others in the table.
func elsewhere(path toml.Key) string {
	name := strings.ToLower(path[len(path)-1])
	inTable, isLong := strings.CutPrefix(name, "redis_")
	switch {
	case isLong && slices.Contains(names(redisKeys()), inTable):
		return inTable + " in the [redis] table"
	case len(path) == 2 && strings.EqualFold(path[0], "redis") && slices.Contains(names(topKeys()), "redis_"+name):
		return "redis_" + name + " at the top of the file"
	}
	return ""
}

// placeOf says where a key belongs that stands in the wrong table. The usual slip
// is a key for the whole file below the first [table].
func placeOf(name string) string {
	name = strings.ToLower(name)
	switch {
	case slices.Contains(names(topKeys()), name):
		return "at the top of the file, before the first [table]"
	case slices.Contains(names(taskKeys()), name):
		return "in a [tasks.NAME] table"
	case slices.Contains(names(statsKeys()), name):
		return "in the [stats] table"
	case slices.Contains(names(redisKeys()), name):
		return "in the [redis] table"
	case slices.Contains(names(tlsKeys()), name):
		return "in the [redis.tls] table"
	case slices.Contains(names(sentinelKeys()), name):
		return "in the [redis.sentinel] table"
	}
	return ""
}

// nearest returns the candidate that name is most likely a slip of, or "".
func nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, least := "", max(1, utf8.RuneCountInString(name)/3)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to add, drop, replace or swap with their neighbour
// to make b of a (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 2*len(t)+2 {
		return len(s) // hopeless, and perhaps huge
	}
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, prev[j+1]+1, prev[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(t)]
}
