#!/usr/bin/env bash
# Prints the path of a development tool, after installing its pinned version into
# .tools/ where it is not there yet. This is the only place that names versions.
#
#   scripts/tools.sh golangci-lint
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint version=v2.15.0 ;; # with staticcheck v0.8.2
gofumpt) package=mvdan.cc/gofumpt version=v0.12.0 ;;
govulncheck) package=golang.org/x/vuln/cmd/govulncheck version=v1.9.0 ;;
*)
	echo "usage: scripts/tools.sh golangci-lint|gofumpt|govulncheck" >&2
	exit 2
	;;
esac

# The version of Go is part of the path: these tools understand no source that is
# newer than the Go they were built with.
dir=$PWD/.tools/$1-$version-$(go env GOVERSION)
if [ ! -x "$dir/$1" ]; then
	echo "installing $1 $version into .tools (once; this can take minutes)" >&2
	GOBIN=$dir GOFLAGS='' go install "$package@$version" >&2
fi
echo "$dir/$1"
