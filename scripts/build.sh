#!/usr/bin/env bash
# Builds the program as the packages ship it, so that manual tests use the same one.
# GOARCH is taken from the environment.
#
#   VERSION=2.0.0 scripts/build.sh OUTPUT
#
# Without cgo: the C library terminates a program for which it cannot create a thread,
# because of a limit of processes or a filter of system calls that refuses clone3(2). The
# Go runtime alone uses clone(2), and gordon keeps threads in reserve.
# Position-independent, as distributions require.
set -euo pipefail

: "${VERSION:?the version to stamp the binary with}"
output=$(realpath -m "$1")
cd "$(dirname "$0")/.."
env CGO_ENABLED=0 GOFLAGS='' GOOS=linux go build -buildmode=pie -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X main.version=$VERSION" -o "$output" ./cmd/gordon
