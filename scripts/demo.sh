#!/usr/bin/env bash
# Shows gordon at work, with everything that it needs in one temporary folder:
# a private Redis on a unix socket, a configuration with three tasks, and three
# entries. Each step is checked; if a check fails, the script prints the difference and
# exits with 1.
#
#   scripts/demo.sh bin/gordon
set -euo pipefail

gordon=$(realpath "$1")
dir=$(mktemp -d "${TMPDIR:-/tmp}/gordon-demo.XXXXXX")
socket=$dir/redis.sock
redis_pid='' gordon_pid=''

# ---- output -----------------------------------------------------------------

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
indent() { sed 's/^/    /'; }
fail() {
	printf '\nFAILED: %s\n' "$*" >&2
	exit 1
}

# expect NAME WANT GOT
expect() {
	[ "$2" = "$3" ] || fail "$1 should be
$2
but is
$3"
}

# ---- at the end, stop all processes that were started -----------------------

clean_up() {
	local code=$?
	trap - EXIT INT TERM
	if [ "$code" != 0 ] && [ -s "$dir/gordon.log" ]; then
		echo "gordon's log:" >&2
		indent <"$dir/gordon.log" >&2
	fi
	for pid in $gordon_pid $redis_pid; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	rm -rf "$dir"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# wait_for CONDITION COMMAND...: until the command succeeds, for 20 s at most.
wait_for() {
	local what=$1 end=$((SECONDS + 20))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited 20 s for $what"
		for pid in $redis_pid $gordon_pid; do
			kill -0 "$pid" 2>/dev/null || fail "a process has ended while waiting for $what"
		done
		sleep 0.02
	done
}

redis() { redis-cli -s "$socket" "$@"; }

# ---- Redis ------------------------------------------------------------------

say "A private Redis, on a unix socket: $socket"
redis-server --port 0 --unixsocket "$socket" --dir "$dir" --save '' --logfile "$dir/redis.log" &
redis_pid=$!
redis_answers() { [ "$(redis PING 2>/dev/null)" = PONG ]; }
wait_for "Redis" redis_answers
redis INFO server | tr -d '\r' | grep redis_version | indent

# ---- three tasks ------------------------------------------------------------

cat >"$dir/greet" <<'EOT'
#!/bin/sh
# No output and exit status 0: a success.
echo "$1, $WORD" >>"$(dirname "$0")/greeted"
EOT
cat >"$dir/backup" <<'EOT'
#!/bin/sh
echo "no space left for the backup of $1" >&2
exit 3
EOT
cat >"$dir/report" <<'EOT'
#!/bin/sh
# Output is a failure, in spite of the exit status 0 (fail_on_output = "any").
echo "only $1 of 10 done"
EOT
chmod +x "$dir"/{greet,backup,report}

cat >"$dir/gordon.toml" <<EOT
redis_address = "$socket"
queue_key = "demo"
failed_tasks_ttl = 3600

[stats]
interface = "127.0.0.1:0" # any free port

[tasks.greet]
script = "$dir/greet"
workers = 2

[tasks.backup]
script = "$dir/backup"

[tasks.report]
script = "$dir/report"
EOT

say "Three tasks, in gordon.toml: one succeeds, one fails, one prints"
indent <"$dir/gordon.toml"
"$gordon" check "$dir/gordon.toml" 2>&1 | indent

# ---- gordon -----------------------------------------------------------------

say "Starting: gordon -verbose -conf gordon.toml"
"$gordon" -verbose -conf "$dir/gordon.toml" >"$dir/gordon.log" 2>&1 &
gordon_pid=$!
wait_for "gordon to be up" grep -qs 'gordon is up' "$dir/gordon.log"

# push TYPE ENTRY
push() {
	echo "redis-cli RPUSH demo:$1 '$2'" | indent
	redis RPUSH "demo:$1" "$2" >/dev/null
}

say "Three entries, as a producer in any language pushes them"
push greet '{"args":["hello"],"env":{"WORD":"world"}}'
push backup '{"args":["/home/ann"]}'
push report '{"args":["7"]}'

# At the end, Redis has only the failed lists, and the keys of gordon's instances: no
# queue, and no running entry.
all_done() {
	[ "$(redis KEYS 'demo:*' | grep -v '^demo:instance' | sort | tr '\n' ' ')" = "demo:backup:failed demo:report:failed " ] &&
		[ -s "$dir/greeted" ]
}
wait_for "the three tasks to end" all_done

say "What gordon has logged"
indent <"$dir/gordon.log"
expect "the number of starts in the log" 3 "$(grep -c 'DEBUG task started' "$dir/gordon.log")"
expect "the number of tasks done in the log" 1 "$(grep -c 'DEBUG task done type=greet' "$dir/gordon.log")"
expect "the number of failures in the log" 2 "$(grep -c 'ERROR task failed' "$dir/gordon.log")"

say "What the script of greet has written"
indent <"$dir/greeted"
expect "its file" "hello, world" "$(cat "$dir/greeted")"

say "The failed entries, kept for an hour: redis-cli LRANGE demo:backup:failed 0 -1"
for type in backup report; do redis LRANGE "demo:$type:failed" 0 -1 | indent; done
# steady removes the values of a record that differ in each run.
steady() { sed -E 's/"(task_id|started_at)":"[^"]*",//g; s/"(duration_ms|cpu_user_ms|cpu_system_ms|peak_memory_bytes|io_read_bytes|io_written_bytes)":[0-9]+,//g'; }
expect "the failed list of backup" \
	'{"args":["/home/ann"],"env":{},"outcome":"failed","attempt":1,"exit_status":3,"error_message":"exit status 3\nno space left for the backup of /home/ann\n"}' \
	"$(redis LRANGE demo:backup:failed 0 -1 | steady)"
expect "the failed list of report" \
	'{"args":["7"],"env":{},"outcome":"output","attempt":1,"exit_status":0,"error_message":"only 7 of 10 done\n"}' \
	"$(redis LRANGE demo:report:failed 0 -1 | steady)"

# ---- the statistics ---------------------------------------------------------

# The kernel chose the port, so that none was taken that someone else wanted.
port=$(sed -n 's/.*stats interface is listening address=127\.0\.0\.1://p' "$dir/gordon.log")
[ -n "$port" ] || fail "the log has no address of the stats interface"

# get PORT: the answer to GET /, without its header.
get() {
	exec {http}<>"/dev/tcp/127.0.0.1/$1"
	printf 'GET / HTTP/1.0\r\n\r\n' >&"$http"
	sed '1,/^\r$/d' <&"$http"
	exec {http}>&-
}

say "The statistics: curl http://127.0.0.1:$port/"
stats=$(get "$port")
echo "$stats" | indent
expect "the statistics" \
	'{"runtime":N,"task_count":{"backup":1,"greet":1,"report":1},"version":"'"$("$gordon" version | sed 's/^Gordon version //')"'","redis":"ok"}' \
	"$(sed -E 's/"runtime":[0-9]+/"runtime":N/; s/,"tasks":.*,"redis"/,"redis"/' <<<"$stats")"

# ---- the end ----------------------------------------------------------------

say "Stopping gordon with SIGTERM, then Redis"
lines=$(wc -l <"$dir/gordon.log")
kill -TERM "$gordon_pid"
code=0
wait "$gordon_pid" || code=$?
gordon_pid=''
tail -n "+$((lines + 1))" "$dir/gordon.log" | indent
expect "gordon's exit status" 0 "$code"
expect "what is left of it in Redis" "demo:backup:failed demo:report:failed " "$(redis KEYS 'demo:*' | sort | tr '\n' ' ')"

kill -TERM "$redis_pid"
code=0
wait "$redis_pid" || code=$?
redis_pid=''
expect "the exit status of Redis" 0 "$code"

if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then fail "port $port is still taken"; fi
left=$(grep -lsF -e "$dir" /proc/[0-9]*/cmdline || true)
expect "the list of processes left behind" "" "$left"
rm -rf "$dir"
[ ! -e "$dir" ] || fail "$dir is still there"

say "All as it should be: 3 tasks ran, 2 failures are on record, nothing is left behind."
