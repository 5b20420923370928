#!/usr/bin/env bash
# Runs every check that does not run the program. All of them run; at the end the
# script lists the failed ones.
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

# files lists the files that git tracks or would add, without the deleted ones.
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

# A shell script is recognised by its first line; most have no suffix.
shell_scripts() {
	files | while IFS= read -r file; do
		if head -c 64 "$file" | head -n 1 | grep -qaE '^#! ?/(usr/bin/env |bin/|usr/bin/)(ba|da)?sh\b'; then echo "$file"; fi
	done
}

# SC2016: text for another shell is in single quotes on purpose. SC2094 only guesses
# that a command writes to the file that it reads.
check_shell() { shell_scripts | xargs shellcheck --norc --exclude=SC2016,SC2094; }

check_manual() {
	local pages
	mapfile -t pages < <(files 'man/*.[1-8]')
	[ ${#pages[@]} -gt 0 ] || { echo "man/ holds no manual page"; return 1; }
	mandoc -Tlint -W warning "${pages[@]}"
}

# Functions that neither a program nor a test can call. Each list of tags is a build.
check_dead_code() {
	local tags found
	for tags in e2e vm fasttimes; do
		found=$("$deadcode" -test -tags "$tags" ./...)
		[ -z "$found" ] || { echo "$found"; return 1; }
	done
}

# The check is left out only if the database of vulnerabilities cannot be reached.
check_vulnerabilities() {
	local code=0 output
	output=$("$govulncheck" -test ./... 2>&1) || code=$?
	echo "$output"
	[ "$code" != 0 ] || return 0
	grep -qE '^govulncheck: fetching vulnerabilities: .*(dial tcp|lookup|timeout)' <<<"$output" || return 1
	echo
	echo "******  NOT CHECKED: the database of known vulnerabilities cannot be reached  ******"
	echo
}

deadcode=$(scripts/tools.sh deadcode)
gofumpt=$(scripts/tools.sh gofumpt)
golangci=$(scripts/tools.sh golangci-lint)
govulncheck=$(scripts/tools.sh govulncheck)

check "go.mod is tidy" go mod tidy -diff
check "modules are what go.sum says" go mod verify
check "format" format
check "golangci-lint" "$golangci" run ./...
check "dead code" check_dead_code
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
