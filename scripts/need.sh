#!/usr/bin/env bash
# Makes sure that commands are there. On Debian and its derivatives it installs the
# packages of those that are missing; on other systems it prints their names and fails.
# The targets "make run" and "make test" install nothing: see with-redis.sh.
#
#   scripts/need.sh shellcheck mandoc
set -euo pipefail

# package SYSTEM COMMAND
package() {
	case $1:$2 in
	apt:redis-cli) echo redis-tools ;;
	apt:qemu-system-x86_64) echo qemu-system-x86 ;;
	dnf:qemu-system-x86_64) echo qemu-system-x86-core ;;
	*:systemd-nspawn) echo systemd-container ;;
	*:nsenter | *:flock) echo util-linux ;;
	*:mke2fs) echo e2fsprogs ;;
	dnf:redis-* | apk:redis-*) echo redis ;;
	dnf:shellcheck) echo ShellCheck ;;
	*) echo "$2" ;;
	esac
}

packages() {
	for command in "${missing[@]}"; do package "$1" "$command"; done | sort -u | tr '\n' ' '
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts a service as soon as its package is installed. Only the programs are
# needed here. A policy-rc.d forbids the start (invoke-rc.d(8), deb-systemd-invoke(1p));
# an existing one is not replaced.
policy=/usr/sbin/policy-rc.d
forbid_services() {
	[ ! -e "$policy" ] || return 0
	trap 'as_root rm -f "$policy"' EXIT
	printf '#!/bin/sh\n# for the time of an apt-get install by need.sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
}

apt_install() {
	local wanted
	read -ra wanted <<<"$(packages apt)"
	echo "installing ${wanted[*]}" >&2
	forbid_services
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

missing=()
for command in "$@"; do
	command -v "$command" >/dev/null || missing+=("$command")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || { [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; }; then
	cat >&2 <<EOT
need.sh: not found: ${missing[*]}
Install, as root:
  Debian, Ubuntu    apt-get install $(packages apt)
  Fedora, RHEL      dnf install $(packages dnf)
  Alpine            apk add $(packages apk)
EOT
	exit 1
fi
apt_install
for command in "${missing[@]}"; do
	command -v "$command" >/dev/null || { echo "need.sh: $command is still not found" >&2; exit 1; }
done
