#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the root file system: mount, run the command, report, power off.
# /run/kflowd holds what the host asks for: `fstab`, `environment`, `command`, and `terminal` for a
# shell on the host's terminal. Emulated processes start slowly: so few of them, and busybox's,
# which needs no dynamic linking.
b=/bin/busybox
ask=/run/kflowd
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8

# Print the device below $1 whose attribute $2 is $3.
device() {
    for attribute in "$1"/*/"$2"; do
        read -r value <"$attribute"
        attribute=${attribute%/"$2"}
        [ "$value" = "$3" ] && echo "/dev/${attribute##*/}"
    done 2>/dev/null
}

# Lockdown may refuse debugfs and tracefs; nothing depends on them.
mount_all() {
    $b mkdir -p /dev/pts /dev/shm /run/lock /results
    while read -r what where type options; do
        case $what in
        drive:*) what=$(device /sys/block serial "${what#drive:}") ;;
        esac
        [ -d "$where" ] || $b mkdir -p "$where"
        $b mount -t "$type" -o "$options" "$what" "$where"
    done <$ask/fstab
}

uptime() {
    read -r seconds _ </proc/uptime
    echo "$seconds"
}

# The output goes through a pipe: a virtio port cannot be opened twice, so /dev/stderr would fail.
# A daemon that outlives the command keeps the pipe open, so the wait for its end is bounded.
run_command() {
    $b mkfifo $ask/output
    $b cat $ask/output >"$(device /sys/class/virtio-ports name output)" &
    copier=$!
    $b setsid /bin/sh $ask/command </dev/null >$ask/output 2>&1
    code=$?
    tries=0
    while kill -0 $copier 2>/dev/null && [ $tries -lt 20 ]; do
        $b usleep 50000
        tries=$((tries + 1))
    done
}

# The terminal is held open all the time: its size is forgotten when it is closed.
run_shell() {
    exec 8<>/dev/hvc0
    read -r rows columns <$ask/terminal
    $b stty rows "$rows" cols "$columns" <&8
    $b setsid -c /bin/sh $ask/command <&8 >&8 2>&8
    code=$?
}

mount_all 2>/dev/null
exec 9>"$(device /sys/class/virtio-ports name status)"
read -r name </etc/hostname
echo "$name" >/proc/sys/kernel/hostname
$b ip link set lo up
. $ask/environment
cd /project 2>/dev/null || cd /root
echo "start $(uptime)" >&9
if [ -e $ask/terminal ]; then run_shell; else run_command; fi
if [ -n "$($b ls -A /results)" ]; then
    $b tar -C /results -c . >"$(device /sys/class/virtio-ports name results)"
fi
echo "exit $code $(uptime)" >&9
$b sleep 2
exec $b poweroff -f
