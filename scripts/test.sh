#!/usr/bin/env bash
# Runs every test with the race detector. A skipped test fails the run: it shows
# nothing, and what it needs is installed by `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."

# The longest first, so that it does not run alone in the end.
go test -race -count=1 -timeout=10m -json ./pkg/taskqueue ./internal/faulttest ./... | go run ./scripts/testreport
