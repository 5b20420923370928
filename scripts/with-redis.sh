#!/usr/bin/env bash
# Runs a command with redis-server and redis-cli in PATH. If they are not there, it
# fetches the packages of Debian or a derivative and unpacks them into .tools/. It
# needs no rights for that, installs nothing and starts no service.
#
#   scripts/with-redis.sh redis-server --version
set -euo pipefail

if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then exec "$@"; fi

tools=$(cd "$(dirname "$0")/.." && pwd)/.tools
redis=$tools/redis

# apt runs apt-get with folders of its own and without the hooks of this system, so that
# it needs no root and changes nothing.
apt() { apt-get -qq -c "$new/apt.conf" "$@"; }

# fetch unpacks both packages and the libraries that they need and this system lacks.
fetch() {
	echo "fetching redis-server into .tools (once; nothing is installed)" >&2
	new=$(mktemp -d "$tools/redis.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new"/{state/lists/partial,cache/archives/partial,deb,root,bin}
	cat >"$new/apt.conf" <<-EOT
		#clear APT::Update;
		#clear DPkg;
		APT::Sandbox::User "root";
		Debug::NoLocking "1";
		Dir::State "$new/state";
		Dir::Cache "$new/cache";
	EOT
	apt update
	# The libraries that are not installed: "Inst NAME (…" is a new package,
	# "Inst NAME [VERSION] (…" a newer version of an installed one.
	local packages
	packages=$(apt install --simulate --no-install-recommends redis-server redis-tools)
	mapfile -t packages < <(awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' <<<"$packages")
	(cd "$new/deb" && apt download redis-server redis-tools "${packages[@]}")
	local deb libraries program
	for deb in "$new"/deb/*.deb; do dpkg-deb -x "$deb" "$new/root"; done
	# $0 is the path of the wrapper, wherever the folder is.
	libraries=$(cd "$new/root" && find . -name '*.so.*' -printf '%h\n' | sort -u | sed 's,^\.,$root,' | paste -sd :)
	for program in redis-server redis-cli; do
		cat >"$new/bin/$program" <<-EOT
			#!/bin/sh
			root=\${0%/bin/*}/root
			export LD_LIBRARY_PATH="$libraries"
			exec "\$root/usr/bin/$program" "\$@"
		EOT
	done
	chmod +x "$new"/bin/*
	rm -rf "$new"/{state,cache,deb,apt.conf} "$redis"
	mv "$new" "$redis"
}

if [ ! -x "$redis/bin/redis-server" ]; then
	if ! command -v apt-get >/dev/null; then
		cat >&2 <<-EOT
			with-redis.sh: redis-server and redis-cli are not in PATH. Install, as root:
			  Fedora, RHEL      dnf install redis (or valkey-compat-redis)
			  Alpine            apk add redis
			  Arch              pacman -S valkey
		EOT
		exit 1
	fi
	mkdir -p "$tools"
	fetch
fi
PATH=$redis/bin:$PATH exec "$@"
