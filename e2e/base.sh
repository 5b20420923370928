#!/bin/sh
# base.sh SUITE: makes the base of a throw-away Debian, unless there is one, and
# prints its folder. SUITE is bookworm (Debian 12) or trixie (Debian 13).
#
# The machines have no network. The packages that a test installs, such as
# redis-server, wait in apt's cache inside the base, with apt's lists, so that
# "apt install ./gordon_*.deb" resolves and installs what it does on a real
# machine.
#
# Needs root, mmdebstrap and the network. E2E_CACHE is where bases are kept, and
# E2E_MIRROR where the packages come from.
set -eu

suite=$1
cache=${E2E_CACHE:-/var/cache/gordon-e2e}
mirror=${E2E_MIRROR:-http://deb.debian.org/debian}

# Part of every machine: what the tests look with, and what tasks may want.
inside=systemd,systemd-sysv,dbus,init-system-helpers,procps,man-db,logrotate,rpm,sudo,jq
# In apt's cache only: the tests install it, and vm.sh boots the kernel.
later="redis-server linux-image-cloud-amd64"
case $suite in
bookworm) ;;
*) later="$later valkey-server" ;;
esac

# Another recipe is another base.
recipe=$(cksum <"$0" | cut -d' ' -f1)
base=$cache/$suite-$recipe
if [ -e "$base/.complete" ]; then
	touch "$base/.complete" # it is in use
	echo "$base"
	exit
fi

mkdir -p "$cache"
exec 9>"$cache/$suite.lock"
flock 9 # two runs at once make one base
if [ ! -e "$base/.complete" ]; then
	# A machine of another checkout may be running on an older base, so that only what
	# nobody has asked for in a week is removed.
	for old in "$cache/$suite-"*; do
		if [ -z "$(find "$old/.complete" -mtime -7 2>/dev/null)" ]; then
			rm -rf "$old"
		fi
	done
	mmdebstrap --quiet --variant=minbase --include="$inside" \
		--aptopt='APT::Install-Recommends "true"' \
		--skip=cleanup/apt \
		--customize-hook="chroot \"\$1\" apt-get -qq --download-only -y install $later" \
		--customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
		"$suite" "$base.new" "$mirror" >&2
	mv "$base.new" "$base"
	touch "$base/.complete"
fi
echo "$base"
