#!/bin/sh
# machine_limits.sh BUILD - for machine.sh: limits on memory and on the disk under control groups
# version 2, as root in a service of systemd and as a user under `systemd-run --user`.
set -u
build=$1 failed=0
step() {
    name=$1
    shift
    if "$@" >/run/step 2>&1; then
        echo "$name: passed"
    else
        echo "$name: FAILED" && failed=1 && cat /run/step
    fi
}
[ "$(cat /sys/fs/cgroup/cgroup.controllers)" ] || { echo "no control groups version 2"; exit 1; }
"$build/bin/spillmark" doctor
step "limits, root" ctest --test-dir "$build" -R '^e2e\.limits$' --output-on-failure

# The rate of a slow disk: systemd hands the controller down where somebody asks for accounts.
mkdir /run/disk
mount "$DISK" /run/disk
tests=$(realpath "$(dirname "$0")/../e2e")
step "disk by a control group" systemd-run --scope -q -p IOAccounting=yes \
    env TMPDIR=/run/disk SPILLMARK="$build/bin/spillmark" DISK_CLIENT="$build/tests/disk-client" \
    sh -c "'$build/bin/spillmark' doctor | grep 'disk cgroup' | tee /dev/console &&
           python3 '$tests/test_disks.py' Disks.test_by_a_control_group \
                   Disks.test_a_control_group_goes_with_its_harness 2>&1 | tee /dev/console |
           grep -q '^OK\$'"

useradd --create-home tester
loginctl enable-linger tester
user=$(id -u tester)
for _ in $(seq 300); do
    [ ! -S "/run/user/$user/bus" ] || break
    sleep 0.1
done
as_tester() {
    runuser -u tester -- env HOME=/home/tester XDG_RUNTIME_DIR="/run/user/$user" \
        DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$user/bus" "$@"
}
chown -R tester "$build"
chmod a+rx /root # where a Python of its own may be
step "doctor, user" as_tester systemd-run --user --scope -q -p Delegate=yes \
    sh -c "'$build/bin/spillmark' doctor | tee /dev/stderr | grep -q 'memory cgroup *yes.*version 2'"
step "limits, systemd-run --user" as_tester systemd-run --user --scope -q -p Delegate=yes \
    ctest --test-dir "$build" -R '^e2e\.limits$' --output-on-failure
exit $failed
