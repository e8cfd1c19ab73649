#!/bin/sh
# The machine's first process. Its root is the host's, read-only, through hostfs; here a layer in memory is put over
# it, so that everything can be written to and nothing stays, and the second part goes on in there.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
run=${0%/*}
mount -n -t proc proc /proc
modules=/usr/lib/uml/modules/$(uname -r)
insmod "$modules/kernel/fs/overlayfs/overlay.ko"
mount -n -t tmpfs -o size=75% tmpfs /mnt
mkdir /mnt/written /mnt/work /mnt/root
mount -n -t overlay -o lowerdir=/,upperdir=/mnt/written,workdir=/mnt/work overlay /mnt/root
cd /mnt/root || exit
mount -n -t proc proc proc
mount -n -t sysfs sysfs sys
mount -n -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm
mount -n -t devpts devpts dev/pts
mount -n -t tmpfs tmpfs dev/shm
mount -n -t tmpfs tmpfs run
# What is written here is the host's.
while read -r folder; do
    mount -n -t hostfs -o "$folder" hostfs ".$folder"
done <"$run/folders"
# Where the kernel's own calls of modprobe look.
mkdir -p lib/modules
ln -s "$modules" lib/modules/
# Not chroot alone: a new mount namespace begins at the root of all mounts.
mount -n --move . /
exec chroot . /bin/sh "$run/second.sh" "$run"
