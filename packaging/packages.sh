#!/usr/bin/env bash
# Makes the packages in dist/. The same commit gives the same bits, in any folder
# and at any time. `make packages` calls it.
#
#   VERSION=2.0.0 packaging/packages.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

: "${VERSION:?the version to stamp the binary with}"
dist=${1:-dist}
build=dist/build # nfpm.yaml names it
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
umask 022

# package_version is VERSION in a form that dpkg and rpm sort as it is meant:
# 2.0.0-rc.1 before 2.0.0 before 2.0.0-7-gabc1234, which is 7 commits after it.
package_version() {
	sed -E -e 's/-([0-9]+)-(g[0-9a-f]+)/+\1.\2/' -e 's/-dirty$/.dirty/' -e 's/-/~/' -e 's/-/./g' <<<"$VERSION"
}

tool() { go tool -modfile=packaging/tools/go.mod "$@"; }

binaries() {
	local arch
	for arch in amd64 arm64; do
		GOARCH=$arch scripts/build.sh "$build/$arch/gordon"
	done
}

changelog() { # VERSION
	sed -e "s/@VERSION@/$1/" -e "s/@DATE@/$(date -ud "@$SOURCE_DATE_EPOCH" +%FT%TZ)/" packaging/changelog.yaml
}

# shared_files are the same for every architecture.
shared_files() {
	local shell page
	for shell in bash zsh fish; do
		go run ./cmd/gordon completion "$shell" >"$build/completion.$shell"
	done
	for page in man/*.[1-8]; do
		gzip -9n <"$page" >"$build/$(basename "$page").gz"
	done
	changelog "$PACKAGE_VERSION" >"$build/changelog.deb.yaml"
	changelog "$PACKAGE_VERSION-1" >"$build/changelog.rpm.yaml"
	tool chglog format --package-name gordon --input "$build/changelog.deb.yaml" --template deb |
		sed -e '/./,$!d' -e 's/urgency=[a-z]*$/&\n/' | gzip -9n >"$build/changelog.gz"
	# A .deb refers to /usr/share/common-licenses instead.
	cp "$(go list -m -f '{{.Dir}}' github.com/spf13/cobra)/LICENSE.txt" "$build/Apache-2.0"
}

# scripts puts what both packages do into their maintainer scripts.
scripts() {
	local script
	for script in deb/postinst deb/postrm deb/prerm rpm/post rpm/postun rpm/pre rpm/preun; do
		sed -e '/^# include packaging\/ownership.sh$/{' -e 'r packaging/ownership.sh' -e 'd' -e '}' \
			"packaging/$script" >"$build/${script/\//.}"
	done
}

package() { # TYPE GOARCH FILE
	local said
	said=$(GOARCH=$2 "$nfpm" package --config "$build/nfpm.$1.yaml" --packager "$1" --target "$dist/$3") ||
		{ echo "$said" >&2; return 1; }
	case $1 in
	rpm) go run ./packaging/rpm/prereq "$dist/$3" ;;
	esac
	echo "$dist/$3"
}

PACKAGE_VERSION=$(package_version)
export PACKAGE_VERSION
rm -rf "$build" "$dist"/gordon[_-]*.deb "$dist"/gordon-*.rpm
mkdir -p "$build" "$dist"
binaries
shared_files
scripts
cp packaging/nfpm.yaml "$build/nfpm.deb.yaml"
(cat packaging/nfpm.yaml; echo "changelog: $build/changelog.rpm.yaml") >"$build/nfpm.rpm.yaml"
nfpm=$(tool -n nfpm)
package deb amd64 "gordon_${PACKAGE_VERSION}_amd64.deb"
package deb arm64 "gordon_${PACKAGE_VERSION}_arm64.deb"
package rpm amd64 "gordon-$PACKAGE_VERSION-1.x86_64.rpm"
package rpm arm64 "gordon-$PACKAGE_VERSION-1.aarch64.rpm"
