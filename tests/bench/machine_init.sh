#!/bin/busybox sh
# machine_init.sh - first process of the machine that machine.sh starts: makes a root of the outer
# machine's files and memory to write to, adds one unit that runs the command, becomes systemd.
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /lower /upper /root
mount -t devtmpfs none /dev
while read -r module; do
    insmod "/modules/$module.ko"
done </modules/order
mount -t virtiofs -o ro files /lower
mount -t tmpfs -o size=80% none /upper
mkdir /upper/changes /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work none /root
mount -t tmpfs none /root/run
cp /command /root/run/command
mkdir -p /root/etc/systemd/system
: >/root/etc/fstab
rm -f /root/.dockerenv # systemd would think itself in a container
for unit in systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-udev-trigger systemd-timesyncd; do
    ln -s /dev/null "/root/etc/systemd/system/$unit.service"
done
cat >/root/etc/systemd/system/machine.service <<'UNIT'
[Unit]
Wants=dbus.service systemd-logind.service
After=dbus.service systemd-logind.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/run/command; echo $? >/run/status; dd if=/run/status of=/dev/vdb conv=fsync 2>/run/dd'
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
UNIT
exec switch_root /root /lib/systemd/systemd
