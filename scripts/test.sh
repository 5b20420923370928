#!/usr/bin/env bash
# Runs every test with the race detector. A skipped test fails the run: it shows
# nothing, and what it needs is installed by `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."

go test -race -count=1 -timeout=5m -json ./... | go run ./scripts/testreport
