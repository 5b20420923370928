#!/usr/bin/env bash
# Runs go test through gotestsum, in one of its formats. At the very end it prints the
# first lines of what each failed test reported: thousands of lines of logs may follow
# them in the full output. A skipped test fails the run, because it shows nothing.
#
#   scripts/gotest.sh pkgname -race ./...
set -euo pipefail
cd "$(dirname "$0")/.."

gotestsum=$(scripts/tools.sh gotestsum)
events=$(mktemp)
trap 'rm -f "$events"' EXIT
code=0
"$gotestsum" --format "$1" --hide-summary skipped --jsonfile "$events" -- "${@:2}" || code=$?

# The events are those of "go doc test2json", one JSON object per line. A report of a
# test is a line "    FILE_test.go:LINE: …" or the first line of a panic.
awk '
	function field(name) {
		if (!match($0, "\"" name "\":\"([^\"\\\\]|\\\\.)*\"")) return ""
		return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
	}
	function readable(text) {
		sub(/\\n$/, "", text); gsub(/\\"/, "\"", text); gsub(/\\t/, "\t", text)
		gsub(/\\u003c/, "<", text); gsub(/\\u003e/, ">", text); gsub(/\\u0026/, "\\&", text); gsub(/\\\\/, "\\", text)
		return substr(text, 1, 400)
	}
	{ action = field("Action"); package = field("Package"); test = field("Test"); key = package " " test }
	test == "" { if (action == "fail") broken[package] = 1; next }
	action == "run" { running[key] = package; order[++tests] = key; next }
	action == "output" {
		if (match($0, /"Output":"( +[A-Za-z0-9_]+_test\.go:[0-9]+|panic): /) && lines[key]++ < 10)
			reports[key] = reports[key] readable(field("Output")) "\n"
		next
	}
	action == "pass" || action == "skip" || action == "fail" { ended[action]++; delete running[key] }
	action == "skip" { skipped = skipped key "\n" reports[key] }
	action == "fail" { failed[key] = 1 }
	END {
		for (i = 1; i <= tests; i++) {
			key = order[i]
			# A test that has not ended belongs to a process that died.
			if (key in failed || (key in running && running[key] in broken && key in reports))
				short = short key "\n" reports[key]
		}
		if (short != "") printf "in short:\n%s", short
		if (skipped != "") printf "skipped, so that nothing is shown:\n%s", skipped
		if (ended["pass"] == 0) print "no test has passed"
		exit (skipped != "" || ended["pass"] == 0)
	}' "$events" || code=1
exit "$code"
