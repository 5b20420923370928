package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFault_EachNamesLineAndWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"misspelt key", "queue_kye = \"x\"\n", "1: queue_kye: unknown key; did you mean queue_key?"},
		{"key in camel case", "RedisNetwork = \"tcp\"\n", "1: RedisNetwork: unknown key; did you mean redis_network?"},
		{"unknown key", task("colour = 3"), "3: tasks.mail.colour: unknown key; valid keys are group, workers, total, user, ionice and others; see gordon.toml(5)"},
		{"key of the file in a table", "[stats]\nlogfile = \"x\"\n", "2: stats.logfile: unknown key here; it belongs at the top of the file, before the first [table]"},
		{"key of a task at the top", "script = \"x\"\n", "1: script: unknown key here; it belongs in a [tasks.NAME] table"},
		{"key of the statistics at the top", "interface = \":80\"\n", "1: interface: unknown key here; it belongs in the [stats] table"},
		{"task without tasks", "[mail]\nscript = \"x\"\n", "1: mail: unknown table; did you mean [tasks.mail]?"},
		{"nested too deep", "\na = " + strings.Repeat("[", 40), "2: tables or arrays are nested too deep: the limit is 32 levels"},
		{"misspelt table", "[task.mail]\nscript = \"x\"\n", "1: task: unknown key; did you mean tasks?"},
		{"unknown key of New Relic", "[stats.newrelic]\nfoo = 1\n", "2: stats.newrelic.foo: unknown key; this table has no effect and can be removed"},
		{"key without its type", "[tasks]\nscript = \"x\"\n", "2: tasks.script: belongs in the table of a task: [tasks.NAME]"},
		{"tasks is a number", "tasks = 3\n", "1: tasks: must be tables, one per type: [tasks.NAME], not a whole number"},
		{"stats is a string", "stats = \":80\"\n", "1: stats: must be a table, not a string"},
		{"list of numbers", "tasks = [ 1 ]\n", "1: tasks: must be a list of tables, not of a whole number"},
		{"listed task without type", "[[tasks]]\nscript = \"x\"\n", "1: tasks: type is missing: each [[tasks]] names its type"},
		{"listed task with a number for a type", "[[tasks]]\nscript = \"x\"\ntype = 3\n", "3: tasks.type: must be a string in quotes, not a whole number"},
		{"listed twice", "[[tasks]]\ntype = \"a\"\nscript = \"x\"\n[[tasks]]\ntype = \"b\"\nscript = \"x\"\nworkers = \"1\"\n", "7: tasks.b.workers: must be a whole number of processes, not a string"},
		{"no script", "\n[tasks.mail]\nworkers = 1\n", "2: tasks.mail: script is missing (the program to run)"},
		{"empty script", "[tasks.mail]\nscript = \"\"\n", "2: tasks.mail.script: must not be empty"},
		{"script is a number", "[tasks.mail]\nscript = 3\n", "2: tasks.mail.script: must be a string in quotes, or an array of them such as [\"/usr/bin/php\", \"worker.php\"], not a whole number"},
		{"script is an empty array", "[tasks.mail]\nscript = []\n", "2: tasks.mail.script: must not be empty: the first string names the program to run"},
		{"script begins with nothing", "[tasks.mail]\nscript = [\"\", \"b\"]\n", "2: tasks.mail.script: must not begin with an empty string: the first one names the program to run"},
		{"script with a number", "[tasks.mail]\nscript = [\"a\", 5]\n", "2: tasks.mail.script: element 2 must be a string in quotes, not a whole number"},
		{"script with NUL", "[tasks.mail]\nscript = \"a\\u0000b\"\n", "2: tasks.mail.script: must not contain a NUL character"},
		{"workers in quotes", task("workers = \"2\""), "3: tasks.mail.workers: must be a whole number of processes, not a string"},
		{"half a worker", task("workers = 1.5"), "3: tasks.mail.workers: must be a whole number of processes, not a fraction"},
		{"env_allow is a string", task("env_allow = \"LANG\""), "3: tasks.mail.env_allow: must be an array of names such as [\"LANG\", \"TZ\"], not a string"},
		{"env_allow with a value", task("env_allow = [\"LANG\", \"TZ=UTC\"]"), "3: tasks.mail.env_allow: element 2 must not contain an equals sign or a NUL character: it names a variable"},
		{"env_allow with nothing", task("env_allow = [\"\"]"), "3: tasks.mail.env_allow: element 1 must not be empty: it names a variable"},
		{"environment is an array", task("environment = [\"A=1\"]"), "3: tasks.mail.environment: must be a table of strings, such as { NAME = \"value\" }, not an array"},
		{"environment with a number", task("environment = { A = 1 }"), "3: tasks.mail.environment.A: must be a string in quotes, not a whole number"},
		{"environment with gordon's own", "[tasks.mail]\nscript = \"/x\"\n[tasks.mail.environment]\nA = \"1\"\nGORDON_TASK_ID = \"7\"\n", "5: tasks.mail.environment.GORDON_TASK_ID: must not begin with GORDON_: these variables are set by gordon"},
		{"environment with a bad name", task("environment = { \"A=B\" = \"1\" }"), "3: tasks.mail.environment.\"A=B\": must not contain an equals sign or a NUL character: it names a variable"},
		{"environment with NUL", task("environment = { A = \"a\\u0000\" }"), "3: tasks.mail.environment.A: must not contain a NUL character"},
		{"stdin of another kind", task("stdin = \"args\""), "3: tasks.mail.stdin: must be \"empty\" or \"entry\", not \"args\""},
		{"user is a number", task("user = 33"), "3: tasks.mail.user: must be a string in quotes, not a whole number"},
		{"user is empty", task("user = \"\""), "3: tasks.mail.user: must not be empty"},
		{"user and group in one", task("user = \"www-data:www-data\""), "3: tasks.mail.user: must be the name or number of a user or group, not \"www-data:www-data\""},
		{"user is an option", task("user = \"-s\""), "3: tasks.mail.user: must be the name or number of a user or group, not \"-s\""},
		{"group with a space", task("group = \"a b\""), "3: tasks.mail.group: must not contain spaces or control characters"},
		{"home of nobody", task("working_directory = \"~\""), "3: tasks.mail.working_directory: \"~\" is the home of the task's user and requires user"},
		{"umask is a number", task("umask = 22"), "3: tasks.mail.umask: must be an octal number in quotes, from \"0000\" to \"0777\", such as \"0027\", not a whole number"},
		{"umask with an 8", task("umask = \"0028\""), "3: tasks.mail.umask: must be an octal number in quotes, from \"0000\" to \"0777\", such as \"0027\", not \"0028\""},
		{"umask with more bits", task("umask = \"1000\""), "3: tasks.mail.umask: must be an octal number in quotes, from \"0000\" to \"0777\", such as \"0027\", not \"1000\""},
		{"umask is short", task("umask = \"22\""), "3: tasks.mail.umask: must be an octal number in quotes, from \"0000\" to \"0777\", such as \"0027\", not \"22\""},
		{"too nice", task("nice = 20"), "3: tasks.mail.nice: must be a whole number from -20 to 19, not 20"},
		{"nice in quotes", task("nice = \"5\""), "3: tasks.mail.nice: must be a whole number from -20 to 19, not a string"},
		{"ionice of another class", task("ionice = \"best\""), "3: tasks.mail.ionice: must be \"idle\", \"best-effort\" or \"realtime\", optionally with a level from 0 (highest) to 7 for the last two, such as \"best-effort:7\", not \"best\""},
		{"idle with a level", task("ionice = \"idle:3\""), "3: tasks.mail.ionice: must be \"idle\", \"best-effort\" or \"realtime\", optionally with a level from 0 (highest) to 7 for the last two, such as \"best-effort:7\", not \"idle:3\""},
		{"ionice with a high level", task("ionice = \"realtime:8\""), "3: tasks.mail.ionice: must be \"idle\", \"best-effort\" or \"realtime\", optionally with a level from 0 (highest) to 7 for the last two, such as \"best-effort:7\", not \"realtime:8\""},
		{"oom_score_adj out of range", task("oom_score_adj = 1001"), "3: tasks.mail.oom_score_adj: must be a whole number from -1000 to 1000, not 1001"},
		{"user at the top", "user = \"www-data\"\n", "1: user: unknown key here; it belongs in a [tasks.NAME] table"},
		{"too many workers", task("workers = 65537"), "3: tasks.mail.workers: must be from 1 to 65536, not 65537"},
		{"negative max_running", "max_running = -1\n", "1: max_running: must be a whole number from 0 to 65536, not -1"},
		{"max_running in a task", task("max_running = 2"), "3: tasks.mail.max_running: unknown key here; it belongs at the top of the file, before the first [table]"},
		{"priority in words", task("priority = \"high\""), "3: tasks.mail.priority: must be a whole number from -100 to 100, not a string"},
		{"priority out of range", task("priority = 101"), "3: tasks.mail.priority: must be a whole number from -100 to 100, not 101"},
		{"no weight", task("weight = 0"), "3: tasks.mail.weight: must be a whole number from 1 to 10000, not 0"},
		{"weight at the top", "weight = 100\n", "1: weight: unknown key here; it belongs in a [tasks.NAME] table"},
		{"seconds as a duration", "failed_tasks_ttl = \"2d\"\n", "1: failed_tasks_ttl: must be a whole number of seconds, not a string"},
		{"milliseconds as a date", "backoff_min = 2020-01-01\n", "1: backoff_min: must be a whole number of milliseconds, not a date or time"},
		{"factor in quotes", "backoff_factor = \"2\"\n", "1: backoff_factor: must be a number of 1 or more, such as 2.0, not a string"},
		{"endless factor", "backoff_factor = inf\n", "1: backoff_factor: must be a number of 1 or more, such as 2.0"},
		{"factor that is no number", "backoff_factor = nan\n", "1: backoff_factor: must be a number of 1 or more, such as 2.0"},
		{"yes for true", "backoff_enabled = \"yes\"\n", "1: backoff_enabled: must be true or false, not a string"},
		{"bare number for a duration", "shutdown_timeout = 90\n", "1: shutdown_timeout: must be a duration with its unit: write \"90s\""},
		{"fraction for a duration", "kill_grace = 1.5\n", "1: kill_grace: must be a duration such as \"10s\", not a fraction"},
		{"duration without a unit", "start_timeout = \"90\"\n", "1: start_timeout: must be a duration such as \"10s\" (units ms, s, m, h and d), not \"90\""},
		{"duration in weeks", "start_timeout = \"1w\"\n", "1: start_timeout: must be a duration such as \"10s\" (units ms, s, m, h and d), not \"1w\""},
		{"negative duration", "start_timeout = \"-1s\"\n", "1: start_timeout: must be a duration of 0 or more such as \"10s\", not \"-1s\""},
		{"negative bare number", "start_timeout = -1\n", "1: start_timeout: must be a duration such as \"10s\", not a whole number"},
		{"an endless error_message", "error_message_max = \"infinity\"\n", "1: error_message_max: must be a size from \"1K\" to \"1M\", or a whole number of bytes, not \"infinity\""},
		{"no error_message", task("error_message_max = 0"), "3: tasks.mail.error_message_max: must be a size from \"1K\" to \"1M\", or a whole number of bytes, not 0"},
		{"error_message in words", "error_message_max = true\n", "1: error_message_max: must be a size from \"1K\" to \"1M\", or a whole number of bytes, not true or false"},
		{"fail_on_output of another kind", "fail_on_output = \"stderr\"\n", "1: fail_on_output: must be \"any\", \"stdout\" or \"none\", not \"stderr\""},
		{"fail_on_output is empty", "fail_on_output = \"\"\n", "1: fail_on_output: must be \"any\", \"stdout\" or \"none\", not \"\""},
		{"fail_on_output = false", task("fail_on_output = false"), "3: tasks.mail.fail_on_output: must be \"any\", \"stdout\" or \"none\", not true or false"},
		{"on_crash of another kind", "on_crash = \"retry\"\n", "1: on_crash: must be \"requeue\" or \"fail\", not \"retry\""},
		{"on_crash is empty", task("on_crash = \"\""), "3: tasks.mail.on_crash: must be \"requeue\" or \"fail\", not \"\""},
		{"on_crash = true", task("on_crash = true"), "3: tasks.mail.on_crash: must be \"requeue\" or \"fail\", not true or false"},
		{"no attempt at all", "max_attempts = 0\n", "1: max_attempts: must be a whole number from 1 to 1000000, not 0"},
		{"factor under 1", "retry_factor = 0.5\n", "1: retry_factor: must be a number of 1 or more, such as 2.0, not 0.5"},
		{"jitter over 1", task("retry_jitter = 2"), "3: tasks.mail.retry_jitter: must be a number from 0 to 1, such as 0.2, not 2"},
		{"jitter that is no number", "retry_jitter = nan\n", "1: retry_jitter: must be a number from 0 to 1, such as 0.2"},
		{"jitter in quotes", "retry_jitter = \"0.1\"\n", "1: retry_jitter: must be a number from 0 to 1, such as 0.2, not a string"},
		{"retry_on without brackets", "retry_on = \"timeout\"\n", "1: retry_on: must be an array of failures, such as [\"exit 75\", \"timeout\"], not a string"},
		{"retry_on with numbers", "retry_on = [75]\n", "1: retry_on: must be an array of failures, such as [\"exit 75\", \"timeout\"], not of a whole number"},
		{"unknown failure", task("retry_on = [\"exit 75\", \"exit 0\"]"), "3: tasks.mail.retry_on: elements must be \"exit\", \"exit 75\", \"exit 64-78\", \"signal\", \"timeout\", \"output\", \"out of memory\" or \"not started\", not \"exit 0\""},
		{"retried and not retried", task("retry_on = [\"exit 70-79\"]", "no_retry_on = [\"timeout\", \"exit 75\"]"), "4: tasks.mail.no_retry_on: contains a failure that is also in retry_on"},
		{"delay over its maximum", "retry_delay = \"2m\"\n" + task("retry_delay_max = \"1m\""), "1: retry_delay: must not exceed retry_delay_max (1m0s)"},
		{"on_lease_loss of another kind", "on_lease_loss = \"kill\"\n", "1: on_lease_loss: must be \"continue\" or \"stop\", not \"kill\""},
		{"on_lease_loss in a task", task("on_lease_loss = \"stop\""), "3: tasks.mail.on_lease_loss: unknown key here; it belongs at the top of the file, before the first [table]"},
		{"long value", "start_timeout = \"" + strings.Repeat("ä", 1000) + "\"\n", "1: start_timeout: must be a duration such as \"10s\" (units ms, s, m, h and d), not \"" + strings.Repeat("ä", 40) + "\"…"},
		{"queue_key is empty", "queue_key = \"\"\n", "1: queue_key: must not be empty"},
		{"queue_key with a line end", "queue_key = \"a\\nb\"\n", "1: queue_key: must not contain control characters"},
		{"other network", "redis_network = \"tcp4\"\n", "1: redis_network: must be \"tcp\" or \"unix\", not \"tcp4\""},
		{"no port", "redis_address = \"db\"\n", "1: redis_address: must be host:port, such as \"127.0.0.1:6379\", or the absolute path of a socket, not \"db\""},
		{"empty address", "redis_address = \"\"\n", "1: redis_address: must not be empty"},
		{"port 0", "redis_address = \"db:0\"\n", "1: redis_address: must be host:port, such as \"127.0.0.1:6379\" with a port up to 65535, or the absolute path of a socket, not \"db:0\""},
		{"relative socket", "redis_network = \"unix\"\nredis_address = \"redis.sock\"\n", "2: redis_address: must be the absolute path of a socket, since redis_network is \"unix\", not \"redis.sock\""},
		{"a path over tcp", "redis_network = \"tcp\"\nredis_address = \"/run/redis.sock\"\n", "2: redis_address: must be host:port, such as \"127.0.0.1:6379\", or the absolute path of a socket, not \"/run/redis.sock\""},
		{"unix without a path", "redis_network = \"unix\"\n", "1: redis_network: \"unix\" requires redis_address, the absolute path of a socket"},
		{"interface without a port", "[stats]\ninterface = \"8080\"\n", "2: stats.interface: must be host:port, such as \"127.0.0.1:8080\", not \"8080\""},
		{"interface as a URL", "[stats]\ninterface = \"http://localhost:80\"\n", "2: stats.interface: must be host:port, such as \"127.0.0.1:8080\", not \"http://localhost:80\""},
		{"port out of range", "[stats]\ninterface = \":65536\"\n", "2: stats.interface: must be host:port, such as \"127.0.0.1:8080\" with a port up to 65535, not \":65536\""},
		{"pattern without a slash", "[stats]\npattern = \"stats\"\n", "2: stats.pattern: must begin with \"/\", not \"stats\""},
		{"pattern with braces", "[stats]\npattern = \"/{x}\"\n", "2: stats.pattern: must not contain spaces or any of { } ? # %, not \"/{x}\""},
		{"pattern that no request has", "[stats]\npattern = \"//a/..\"\n", "2: stats.pattern: must be a plain path without \"//\", \".\" or \"..\", not \"//a/..\""},
		{"certificate without key", "[stats]\ntls_cert_file = \"c\"\n", "2: stats.tls_cert_file: requires tls_key_file: set both or neither"},
		{"key without certificate", "[stats]\ntls_key_file = \"k\"\n", "2: stats.tls_key_file: requires tls_cert_file: set both or neither"},
		{"twice in two cases", task("workers = 1", "Workers = 2"), "4: tasks.mail.Workers: is set twice: also as tasks.mail.workers on line 3"},
		{"syntax", "\nqueue_key = \n", "2: syntax: expected value but found '\\n' instead"},
		{"no end of a name", "\n[stats\ninterface = 1\n", "2: syntax: expected '.' or ']' to end table name, but got '\\n' instead"},
		{"escape in a long string", "queue_key = \"\"\"\n\\q\n\"\"\"\n", "2: syntax: invalid escape in string '\\q'"},
		{"key given twice", "queue_key = \"a\"\nqueue_key = \"b\"\n", "2: syntax: Key 'queue_key' has already been defined."},
		{"bytes that are not text", "queue_key = \"\xff\"\n", "1: syntax: invalid UTF-8 byte: 0xff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{"gordon.toml:" + tc.want}, refuse(t, tc.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFault_OfAllFilesAtOnce(t *testing.T) {
	got := refuse(t, "queue_key = 3\n[tasks.mail]\nscript = \"x\"\nworkers = true\n",
		"gordon.d/10-syntax.toml", "a = = 1\n",
		"gordon.d/20-values.toml", "start_timeout = 5\n[tasks.log]\nworkers = 2\n[stats]\ntls_cert_file = \"c\"\n",
		"gordon.d/30-unknown.toml", "\n\n[stats]\npatern = \"/\"\ninterface = \"x\"\n",
	)
	want := []string{
		"gordon.toml:1: queue_key: must be a string in quotes, not a whole number",
		"gordon.toml:4: tasks.mail.workers: must be a whole number of processes, not true or false",
		"gordon.d/10-syntax.toml:1: syntax: expected value but found '=' instead",
		`gordon.d/20-values.toml:1: start_timeout: must be a duration with its unit: write "5s"`,
		"gordon.d/30-unknown.toml:4: stats.patern: unknown key; did you mean pattern?",
		`gordon.d/30-unknown.toml:5: stats.interface: must be host:port, such as "127.0.0.1:8080", not "x"`,
	}
	// Keys that may be in the unreadable file (tasks.log.script, stats.tls_key_file) must
	// not be reported as missing.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFault_ARefusedValueHasNoFurtherFault(t *testing.T) {
	for _, text := range []string{
		"[tasks.mail]\nscript = 3\n",
		"redis_network = \"x\"\nredis_address = \"/run/redis.sock\"\n",
		"[stats]\ntls_cert_file = 3\ntls_key_file = \"k\"\n",
		"[stats]\ntls_cert_file = \"c\"\ntls_key_file = 3\n",
	} {
		if got := refuse(t, text); len(got) != 1 {
			t.Errorf("%q: want one fault, got\n%s", text, strings.Join(got, "\n"))
		}
	}
}

func TestFault_MissingFileIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	_, err := Load(path, binDir)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	var f Fault
	if !errors.As(err, &f) || f.File != path || f.Line != 0 {
		t.Errorf("fault %+v", f)
	}
	if want := path + ": can't be opened: no such file or directory"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestFault_ErrorOmitsUnknownParts(t *testing.T) {
	for want, f := range map[string]Fault{
		"f: m":      {File: "f", Message: "m"},
		"f:3: m":    {File: "f", Line: 3, Message: "m"},
		"f:3: k: m": {File: "f", Line: 3, Key: "k", Message: "m"},
		"f: k: m":   {File: "f", Key: "k", Message: "m"},
	} {
		if got := f.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
