#!/bin/sh
# machine.sh KERNEL.deb GUEST.sh [ARG...] - runs a script as root in a virtual machine with a Debian
# kernel, control groups version 2 alone and systemd at work, over a copy-on-write view of this
# machine's own files; ends with the script's status. Needs root (for virtiofsd), no KVM.
#
# KERNEL.deb comes from `apt-get download linux-image-6.1.0-NN-cloud-amd64`; it is unpacked, not
# installed. The script finds a second disk as $DISK, with an empty ext4 file system on it.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 KERNEL.deb GUEST.sh [ARG...]" >&2; exit 2; }
kernel=$1 guest=$(realpath "$2")
shift 2
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
daemon=
end() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 3' HUP INT TERM

dpkg-deb --fsys-tarfile "$kernel" | tar -C "$work" -xf - ./boot ./lib/modules
root=$work/initramfs
mkdir -p "$root/bin" "$root/modules"
cp /bin/busybox "$root/bin/"
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
    fuse virtiofs overlay unix_diag inet_diag tcp_diag; do
    find "$work/lib/modules" -name "$module.ko" -exec cp {} "$root/modules/" \;
    echo "$module"
done >"$root/modules/order"
cp "$here/machine_init.sh" "$root/init"
{
    echo "#!/bin/sh"
    echo "export DISK=/dev/vda PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    printf 'exec sh'
    for word in "$guest" "$@"; do
        printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
    done
    echo
} >"$root/command"
chmod +x "$root/init" "$root/command"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs.cpio"
truncate -s 512M "$work/disk"
truncate -s 4096 "$work/status"
mkfs.ext4 -q "$work/disk"

/usr/lib/qemu/virtiofsd --socket-path="$work/files" -o source=/ -o cache=always \
    -o sandbox=chroot >"$work/files.log" 2>&1 &
daemon=$!
while [ ! -S "$work/files" ] && kill -0 "$daemon"; do sleep 0.1; done
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none -no-reboot \
    -nodefaults -nic none -serial stdio -monitor none -kernel "$work"/boot/vmlinuz-* \
    -initrd "$work/initramfs.cpio" \
    -append "console=ttyS0 quiet panic=-1 systemd.unit=machine.service systemd.show_status=0" \
    -object memory-backend-memfd,id=memory,size=2048M,share=on -numa node,memdev=memory \
    -chardev socket,id=files,path="$work/files" -device vhost-user-fs-pci,chardev=files,tag=files \
    -drive file="$work/disk",format=raw,if=virtio \
    -drive file="$work/status",format=raw,if=virtio </dev/null
status=$(tr -d '\0' <"$work/status")
[ -n "$status" ] || { echo "the machine ended before its script did" >&2; exit 3; }
exit "$status"
