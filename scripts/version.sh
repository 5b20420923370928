#!/usr/bin/env bash
# Prints the version that a build is stamped with: that of the nearest tag, or
# the one in the source with the commit behind it, or just the one in the source.
set -euo pipefail
cd "$(dirname "$0")/.."

if tag=$(git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null); then
	echo "${tag#v}"
	exit
fi
version=$(sed -n 's/^var version = "\(.*\)"$/\1/p' cmd/gordon/version.go)
[ -n "$version" ] || { echo "version.sh: no version in cmd/gordon/version.go" >&2; exit 1; }
if commit=$(git describe --always --dirty --exclude '*' 2>/dev/null); then
	version="$version+g${commit/-/.}"
fi
echo "$version"
