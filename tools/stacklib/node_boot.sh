#!/bin/bash
# PID 1 of a node: dresses the new mount namespace, then becomes systemd.
#
# node.py starts it inside new mount, uts, ipc and pid namespaces, with
#   NODE       the node's name                 NETNS   its network namespace
#   BASE       its directory (up, work, root)  CGROUP  its own cgroup v2 directory
#   UUID       its machine id
#   HIDDEN     a directory of the machine that it must not see, or empty
#   SHARED     directories that it sees, a line each: the path on the machine, a tab, the path here
set -euo pipefail
root=$BASE/root

hostname "$NODE"
mount -t overlay "nova-mini-$NODE" -o "lowerdir=/,upperdir=$BASE/up,workdir=$BASE/work" "$root"
# Packages that the host gets later show up through a bind mount, not through a stale overlay.
mount --rbind -o ro /usr "$root/usr"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"

mount -t tmpfs -o mode=755,size=8m tmpfs "$root/dev"
for device in null zero full random urandom tty kvm fuse net/tun vhost-net; do
    [ -e "/dev/$device" ] || continue
    mkdir -p "$root/dev/$(dirname "$device")"
    cp -a "/dev/$device" "$root/dev/$device"
    case $device in fuse) ;; *) chmod 666 "$root/dev/$device" ;; esac
done
mkdir -p "$root"/dev/{pts,shm,mqueue}
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"
done
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
if [ -n "$HIDDEN" ]; then
    mkdir -p "$root$HIDDEN"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root$HIDDEN"
fi
while IFS=$'\t' read -r source directory; do
    mkdir -p "$root$directory"
    mount --bind "$source" "$root$directory"
    # A checkout may lie in a home that is closed to others: open the way in this node alone.
    while directory=$(dirname "$directory") && [ "$directory" != / ]; do
        chmod o+x "$root$directory"
    done
done <<< "$SHARED"

echo "${UUID//-/}" > "$root/etc/machine-id"
echo "$NODE" > "$root/etc/hostname"
: > "$root/etc/fstab"

# Only our own target is wanted: what the administrator enabled on the host stays on the host.
mount -t tmpfs -o mode=755 tmpfs "$root/etc/systemd/system"
printf '[Unit]\nDescription=nova-mini node\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' \
    > "$root/etc/systemd/system/nova-mini-node.target"
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-journald-audit.socket \
    systemd-pstore.service systemd-networkd.socket modprobe@.service sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount; do
    ln -s /dev/null "$root/etc/systemd/system/$unit"
done

echo 0 > "$CGROUP/cgroup.procs" # the cgroup namespace below is rooted where we are
exec nsenter --net="/run/netns/$NETNS" unshare --cgroup bash -euo pipefail -c '
cd "$1"
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --bind sys/devices/virtual/net sys/devices/virtual/net
mount -o remount,bind,ro,nosuid,nodev,noexec sys
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
# A boot of the node is a boot of its own, whatever the kernel has been through.
cat /proc/sys/kernel/random/uuid > run/boot_id
chmod 444 run/boot_id
mount --bind run/boot_id proc/sys/kernel/random/boot_id
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mkdir -p run/oldroot
pivot_root . run/oldroot
cd /
umount -l /run/oldroot
rmdir /run/oldroot
exec env -i container=nova-mini PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --show-status=0 --unit=nova-mini-node.target
' bash "$root"
