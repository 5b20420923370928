#!/usr/bin/env bash
# Runs the tests whose strength is the number of their steps, with more steps than
# "make test": a random model of the slots, and leaks over many tasks. The stories that
# "make test" runs with a gordon without the race detector run with it here.
set -euo pipefail
cd "$(dirname "$0")/.."

export GORACE=atexit_sleep_ms=0
# long PACKAGE TEST FLAG
long() { scripts/gotest.sh testname -race -vet=off -count=1 -timeout=20m -run "^$2\$" "$1" "$3"; }

GORDON_TEST_RACE=1 scripts/gotest.sh pkgname -race -vet=off -count=1 -timeout=20m -p 2 ./internal/faulttest ./internal/fleettest
long ./pkg/taskqueue TestSlotModel -rapid.checks=400
long ./internal/faulttest TestNothingPilesUp -fault.tasks=10000
long ./internal/daemontest TestNoThreadIsMadeLater -daemon.tasks=4000
