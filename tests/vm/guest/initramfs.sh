#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the machine: load the drivers of the drives, mount the root, hand over.
b=/bin/busybox
$b mkdir -p /proc /sys /dev /root
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
    [ -e "$module" ] && $b insmod "$module"
done

root=
tries=0
while [ -z "$root" ] && [ $tries -lt 200 ]; do
    for serial in /sys/block/*/serial; do
        [ "$($b cat "$serial" 2>/dev/null)" = root ] && root=${serial#/sys/block/}
    done
    [ -n "$root" ] || $b usleep 50000
    tries=$((tries + 1))
done
root=/dev/${root%/serial}
if ! $b mount -t ext4 -o noatime "$root" /root; then
    echo "kflowd-vm: mounting the root file system failed ($root)" >/dev/console
    $b poweroff -f
fi
$b mount -t tmpfs -o mode=755 tmpfs /root/run
$b cp -r /kflowd /root/run/kflowd
for folder in proc sys dev; do
    $b mount --move /$folder /root/$folder
done
exec $b switch_root /root /run/kflowd/init
