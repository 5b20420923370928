#!/usr/bin/env bash
# Prints the path of a development tool. If it is not in .tools/ yet, it is built there
# from its pinned version; go install checks the checksums. Versions are only here.
#
#   scripts/tools.sh golangci-lint
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
deadcode) package=golang.org/x/tools/cmd/deadcode version=v0.52.0 ;;
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint version=v2.15.0 ;; # with staticcheck v0.8.2
gofumpt) package=mvdan.cc/gofumpt version=v0.12.0 ;;
gotestsum) package=gotest.tools/gotestsum version=v1.13.0 ;;
govulncheck) package=golang.org/x/vuln/cmd/govulncheck version=v1.9.0 ;;
*)
	echo "usage: scripts/tools.sh deadcode|golangci-lint|gofumpt|gotestsum|govulncheck" >&2
	exit 2
	;;
esac

# The version of Go is part of the path: these tools only understand sources that are
# not newer than the Go that built them.
dir=$PWD/.tools/$1-$version-$(go env GOVERSION)
if [ ! -x "$dir/$1" ]; then
	echo "installing $1 $version into .tools (once; this can take minutes)" >&2
	GOBIN=$dir GOFLAGS='' go install "$package@$version" >&2
fi
echo "$dir/$1"
