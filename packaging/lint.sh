#!/usr/bin/env bash
# Checks the packages of a folder with lintian and rpmlint: nothing may be said
# about them that is not overridden with a reason.
#
#   packaging/lint.sh dist
set -euo pipefail
cd "$(dirname "$0")/.."

dist=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Go keeps its strings next to each other, so that the end of one and the beginning of
# the next may look like a spelling mistake.
lintian --pedantic --display-info --allow-root --fail-on error,warning,info,pedantic \
	--suppress-tags spelling-error-in-binary "$dist"/*.deb
echo "lintian: nothing to say about $(echo "$dist"/*.deb)"

# nfpm's payload has absolute names. rpm does not mind, but rpmlint unpacks with
# cpio, which would take them for places in this system.
printf '#!/bin/sh\nexec %s --no-absolute-filenames "$@"\n' "$(command -v cpio)" >"$work/cpio"
chmod +x "$work/cpio"
PATH=$work:$PATH rpmlint --config packaging/rpm/rpmlint.toml --strict "$dist"/*.rpm | tee "$work/said"
grep -qE ' 0 errors, 0 warnings' "$work/said"
