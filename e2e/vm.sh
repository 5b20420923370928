#!/bin/bash
# vm.sh PACKAGE TEST: what no container can show. Boots a Debian 12 with a kernel of
# its own in a virtual machine, with every controller of control groups, installs
# the package in it, and runs e2e/vm/stories.sh there, with TEST, the compiled tests
# of pkg/cgroup. It prints what the stories print, and fails if one of them does.
#
# The machine is emulated, which works everywhere and takes two minutes;
# E2E_VM_ACCEL=kvm is faster where that works. Needs root, mmdebstrap,
# qemu-system-x86_64 and mke2fs; base.sh makes and keeps
# what it boots.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
base=$("$here/base.sh" bookworm)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# The base with Redis, less what nobody reads in there.
cp -a "$base" "$root"
chroot "$root" apt-get -qq --yes install redis-server >"$work/apt" 2>&1 || { cat "$work/apt" >&2; exit 1; }
dpkg-deb --fsys-tarfile "$root"/var/cache/apt/archives/linux-image-[0-9]*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*'
rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/usr/share/{doc,locale,info}
rm -f "$root/var/lib/man-db/auto-update" # an index of manual pages takes a minute here
install -D -m 644 "$1" "$root/e2e/gordon.deb"
install -D -m 755 "$2" "$root/e2e/cgroup.test"
install -D -m 755 "$here/vm/stories.sh" "$root/e2e/stories.sh"

# The stories are what this machine boots for; the rest of it may sleep.
cat >"$root/etc/systemd/system/stories.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/e2e/stories.sh; echo "stories: exit status $?"'
ExecStopPost=/usr/bin/systemctl poweroff --force --force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
UNIT
wants=$root/etc/systemd/system/multi-user.target.wants
mkdir -p "$wants"
ln -s ../stories.service "$wants/"
for unit in apt-daily.timer apt-daily-upgrade.timer man-db.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer getty.target; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

truncate -s 2G "$work/disk"
mke2fs -q -t ext4 -d "$root" "$work/disk"
rm -rf "$root"

# NVMe and ext4 are built into Debian's kernel for clouds, so that it needs no
# initial RAM disk.
{ timeout "${E2E_VM_LIMIT:-400}" qemu-system-x86_64 -M q35 -accel "${E2E_VM_ACCEL:-tcg,thread=multi}" -smp 2 -m 1536M \
	-nographic -no-reboot -nic none \
	-drive "file=$work/disk,format=raw,if=none,id=disk,cache=unsafe" -device nvme,drive=disk,serial=e2e \
	-kernel "$work"/boot/vmlinuz-* -append 'root=/dev/nvme0n1 rw console=ttyS0 quiet systemd.show_status=0 panic=1' \
	</dev/null 2>&1 || true; } | sed -u 's/\r//g' | tee "$work/console" |
	sed -un '/^stories: begin/,/^stories: exit status/p'

grep -qx 'stories: exit status 0' "$work/console" || {
	echo "the stories have not come to a good end; the console's last lines:" >&2
	tail -n 40 "$work/console" >&2
	exit 1
}
