#!/usr/bin/env bash
# Fuzzes every target of the module, one after the other, for the given time each.
#
#   scripts/fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/.."

# If -fuzztime ends while a worker handles an input, go test may fail with "context
# deadline exceeded". For a fault, it writes the input to testdata and prints its name.
out_of_time() {
	grep -qx '    context deadline exceeded' "$log" && ! grep -qE 'Failing input written|panic:|DATA RACE|_test\.go:[0-9]+:' "$log"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
while IFS=: read -r file target; do
	dir=./$(dirname "$file")
	if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x "$dir" >"$log" 2>&1 && ! out_of_time; then
		cat "$log"
		echo "fuzz: $target of $dir has failed" >&2
		exit 1
	fi
	echo "fuzz: $target of $dir: $(grep -oE 'execs: [0-9]+' "$log" | tail -n 1), no failure"
	count=$((count + 1))
done < <(find . -name '*_test.go' -not -path './.*' | sort | sed 's,^\./,,' |
	xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/')

[ "$count" -gt 0 ] || { echo "fuzz: no target was found" >&2; exit 1; }
