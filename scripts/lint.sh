#!/usr/bin/env bash
# Runs every check that needs no run of the program. All of them run, and then
# the script says which have failed.
set -euo pipefail
cd "$(dirname "$0")/.."

export GOFLAGS=-mod=readonly
failed=()

# check NAME COMMAND...
check() {
	local name=$1 start=$SECONDS
	shift
	if "$@"; then
		echo "ok    $name ($((SECONDS - start)) s)"
	else
		echo "FAIL  $name"
		failed+=("$name")
	fi
}

# files lists what git tracks or would, less what was deleted.
files() {
	git ls-files -z --cached --others --exclude-standard -- "$@" | sort -zu | while IFS= read -r -d '' file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

format() {
	local wrong
	wrong=$(files '*.go' | xargs "$gofumpt" -l)
	[ -z "$wrong" ] || { echo "not formatted with gofumpt:"; echo "$wrong"; return 1; }
}

# The first line tells a shell script; most have no suffix.
shell_scripts() {
	files | while IFS= read -r file; do
		if head -c 64 "$file" | head -n 1 | grep -qaE '^#! ?/(usr/bin/env |bin/|usr/bin/)(ba|da)?sh\b'; then echo "$file"; fi
	done
}

# SC2016: text for another shell stands in single quotes on purpose. SC2094: a
# guess that a command writes to what it reads.
check_shell() { shell_scripts | xargs shellcheck --norc --exclude=SC2016,SC2094; }

check_manual() {
	local pages
	mapfile -t pages < <(files 'man/*.[1-8]')
	[ ${#pages[@]} -gt 0 ] || { echo "man/ holds no manual page"; return 1; }
	mandoc -Tlint -W warning "${pages[@]}"
}

# Known vulnerabilities are looked up in a database on the network. Only when that
# does not answer may the check be left out.
check_vulnerabilities() {
	local code=0
	"$govulncheck" -test ./... || code=$?
	[ "$code" != 0 ] || return 0
	[ "$code" = 1 ] || return 1 # 3: it has found some
	[ "$(go run ./scripts/reachable https://vuln.go.dev/index/db.json)" = no ] || return 1
	echo
	echo "******  NOT CHECKED: the database of known vulnerabilities cannot be reached  ******"
	echo
}

gofumpt=$(scripts/tools.sh gofumpt)
golangci=$(scripts/tools.sh golangci-lint)
govulncheck=$(scripts/tools.sh govulncheck)

check "go.mod is tidy" go mod tidy -diff
check "modules are what go.sum says" go mod verify
check "format" format
check "golangci-lint" "$golangci" run ./...
check "known vulnerabilities" check_vulnerabilities
check "shell scripts" check_shell
check "manual pages" check_manual

if [ ${#failed[@]} -gt 0 ]; then
	(
		IFS=,
		echo "lint: failed: ${failed[*]}"
	) >&2
	exit 1
fi
