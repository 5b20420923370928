#!/usr/bin/env bash
# Builds the program that the packages ship, so that the one that is tested by hand
# is no other. GOARCH is that of the environment.
#
#   VERSION=2.0.0 scripts/build.sh OUTPUT
#
# Without cgo: the C library ends a program that cannot have a thread, be it for a
# limit of processes or for a system call filter that refuses clone3(2). The Go
# runtime alone asks with clone(2), and gordon keeps threads in reserve.
# Position-independent, as distributions want their programs to be.
set -euo pipefail

: "${VERSION:?the version to stamp the binary with}"
output=$(realpath -m "$1")
cd "$(dirname "$0")/.."
env CGO_ENABLED=0 GOFLAGS='' GOOS=linux go build -buildmode=pie -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X main.version=$VERSION" -o "$output" ./cmd/gordon
