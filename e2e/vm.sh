#!/bin/bash
# vm.sh SUITE PACKAGE TEST SILENTFS: proves what no container can. Boots the Debian
# SUITE (see base.sh) with a kernel of its own in a virtual machine, with every
# controller of control groups, installs the package in it, and runs
# e2e/vm/stories.sh there, with TEST, the compiled tests of pkg/cgroup, and SILENTFS,
# the program of e2e/vm/silentfs. It prints the output of the stories, and fails if
# one of them fails.
#
# The machine uses KVM where that works, and is emulated elsewhere, which is several
# times slower; E2E_VM_ACCEL is kvm or tcg,thread=multi. Needs root, mmdebstrap,
# qemu-system-x86_64 and mke2fs. base.sh makes and keeps what the machine boots.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
base=$("$here/base.sh" "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# The base with Redis, less what nobody reads in there.
cp -a "$base" "$root"
chroot "$root" apt-get -qq --yes install redis-server >"$work/apt" 2>&1 || { cat "$work/apt" >&2; exit 1; }
dpkg-deb --fsys-tarfile "$root"/var/cache/apt/archives/linux-image-[0-9]*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*' '*/kernel/fs/fuse/*'
rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/usr/share/{doc,locale,info}
rm -f "$root/var/lib/man-db/auto-update" # an index of manual pages takes a minute here
install -D -m 644 "$2" "$root/e2e/gordon.deb"
install -D -m 755 "$3" "$root/e2e/cgroup.test"
install -D -m 755 "$4" "$root/e2e/silentfs"
fuse=$(find "$work" -name fuse.ko) # Debian 13 has it in the kernel
[ -z "$fuse" ] || install -m 644 "$fuse" "$root/e2e/fuse.ko"
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

# kvm_works: a kernel runs in it, up to the point where it misses its disk. A /dev/kvm
# that can be opened shows little: a machine that is virtual itself may have one in
# which no kernel comes further than its first instructions.
kvm_works() {
	timeout 20 qemu-system-x86_64 -M q35 -accel kvm -m 256M -nographic -no-reboot -nic none \
		-kernel "$work"/boot/vmlinuz-* -append 'console=ttyS0 panic=-1' </dev/null 2>/dev/null |
		grep -qa 'Kernel panic'
}
accel=${E2E_VM_ACCEL:-$(if kvm_works; then echo kvm; else echo tcg,thread=multi; fi)}

# NVMe and ext4 are built into Debian's kernel for clouds, so that it needs no
# initial RAM disk.
echo "vm: $1, with $accel"
{ timeout "${E2E_VM_LIMIT:-800}" qemu-system-x86_64 -M q35 -accel "$accel" -smp 2 -m 1536M \
	-nographic -no-reboot -nic none \
	-drive "file=$work/disk,format=raw,if=none,id=disk,cache=unsafe" -device nvme,drive=disk,serial=e2e \
	-kernel "$work"/boot/vmlinuz-* -append 'root=/dev/nvme0n1 rw console=ttyS0 quiet systemd.show_status=0 panic=1' \
	</dev/null 2>&1 || true; } | sed -u 's/\r//g' | tee "$work/console" |
	sed -un '/stories: begin$/,/^stories: exit status/p'

grep -qx 'stories: exit status 0' "$work/console" || {
	echo "the stories have not come to a good end; the console's last lines:" >&2
	tail -n 40 "$work/console" >&2
	exit 1
}
