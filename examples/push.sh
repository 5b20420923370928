#!/bin/sh
# Pushes one entry for Gordon. Needs redis-cli and nothing else.
#
#   push.sh TYPE [ARGUMENT...]
#
# REDIS_ADDRESS is host:port or the absolute path of a unix socket, QUEUE_KEY is
# the queue_key of gordon.toml. Prints how many entries now wait.
set -eu

if [ $# -eq 0 ]; then
	echo "usage: push.sh TYPE [ARGUMENT...]" >&2
	exit 2
fi
type=$1
shift

# awk writes the JSON, so that quotes, line breaks and the like arrive as they
# are. LC_ALL=C: byte by byte, whatever the encoding.
entry=$(LC_ALL=C awk '
	BEGIN {
		for (i = 1; i < 32; i++) escaped[sprintf("%c", i)] = sprintf("\\u%04x", i)
		escaped["\""] = "\\\""
		escaped["\\"] = "\\\\"
		printf "{\"args\":["
		for (i = 1; i < ARGC; i++) {
			if (i > 1) printf ","
			quote(ARGV[i])
		}
		printf "]}"
	}
	function quote(s,    n, c) {
		printf "\""
		for (n = 1; n <= length(s); n++) {
			c = substr(s, n, 1)
			printf "%s", (c in escaped ? escaped[c] : c)
		}
		printf "\""
	}' "$@")

address=${REDIS_ADDRESS:-127.0.0.1:6379}
case $address in
/*) set -- -s "$address" ;;
*) set -- -h "${address%:*}" -p "${address##*:}" ;;
esac

# redis-cli exits with 0 when Redis refuses: only a number is a success. With -x
# it reads the entry from standard input, which takes more than an argument does.
reply=$(printf %s "$entry" | redis-cli "$@" -x RPUSH "${QUEUE_KEY:-taskqueue}:$type")
case $reply in
'' | *[!0-9]*)
	echo "push.sh: the entry was not pushed: $reply" >&2
	exit 1
	;;
esac
echo "$reply"
