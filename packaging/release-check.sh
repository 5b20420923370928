#!/usr/bin/env bash
# Checks .goreleaser.yaml, builds a complete release without publishing or signing it,
# and checks its files. The tools take minutes to build, once.
#
#   VERSION=2.0.0 packaging/release-check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

: "${VERSION:?the version to stamp the binaries with}"
export VERSION

# The newest goreleaser with the nfpm that packaging/tools/go.mod has.
tools=$PWD/.tools/release-1-$(go env GOVERSION)
install_tool() { # NAME MODULE@VERSION
	[ -x "$tools/$1" ] || env GOBIN="$tools" GOFLAGS= go install "$2"
}
install_tool goreleaser github.com/goreleaser/goreleaser/v2@v2.15.0
install_tool cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0
PATH=$tools:$PATH

goreleaser check
goreleaser release --snapshot --clean --skip=sign,publish

cd dist/release
sha256sum --quiet --check --strict <(grep -vE '\.(deb|rpm)$' SHA256SUMS)
(cd .. && sha256sum --quiet --check --strict <(grep -E '\.(deb|rpm)$' release/SHA256SUMS))
for arch in amd64 arm64; do
	archive=gordon-$VERSION-linux-$arch
	tar -tzf "$archive.tar.gz" >"$archive.list"
	for file in gordon COPYRIGHT etc/gordon.toml etc/gordon.reference.toml man/gordon.8 man/gordon.toml.5 man/gordon-queue.7 \
		completions/completion.bash systemd/gordon.service systemd/strict.conf; do
		grep -qx "$archive/$file" "$archive.list" || { echo "$archive.tar.gz has no $file" >&2; exit 1; }
	done
	grep -q '"github.com/gomodule/redigo"' "$archive.cdx.json"
done
echo "release-check: $(wc -l <SHA256SUMS) files, with their checksums"
