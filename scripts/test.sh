#!/usr/bin/env bash
# Runs every test with the race detector, or without it if there is no C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

# The race detector needs cgo (go help build). CI must not do without it.
race=(-race)
if ! command -v "$(go env CC)" >/dev/null && [ -z "${CI:-}" ]; then
	race=()
	trap 'echo "NOT CHECKED: data races. The race detector needs a C compiler." >&2' EXIT
fi

# The processes of tests exit at once, and not after a second in which the race detector
# waits for reports of other threads.
export GORACE=atexit_sleep_ms=0

# Most tests wait for processes, so more run at a time than there are CPUs. The packages
# that take longest begin first. "make lint" runs vet.
scripts/gotest.sh pkgname "${race[@]}" -vet=off -count=1 -timeout=10m -p 3 -parallel 4 \
	./pkg/runner ./internal/faulttest ./pkg/taskqueue ./internal/daemontest ./...
