#!/bin/busybox sh
# First process of the host VM. The kernel's command line may hold armemu.shell: a shell on the serial line.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

while read -r module; do
  insmod "/modules/$module" || echo "vfio-vm: insmod $module failed"
done < /modules/order

wait_for() {
  tries=0
  while [ ! -e "$1" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
      echo "vfio-vm: $1 did not appear"
      poweroff -f
    fi
    sleep 0.05
  done
}
wait_for /dev/vda
wait_for /dev/vdb
mount -t erofs -o ro /dev/vda /root || poweroff -f
mount -t erofs -o ro /dev/vdb /root/armemu || poweroff -f
mount -t tmpfs tmpfs /root/tmp
mount -t tmpfs -o mode=755 tmpfs /root/run
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs devtmpfs /root/dev
mkdir -p /root/dev/pts
mount -t devpts devpts /root/dev/pts
ip link set lo up

# Why: see that file.
export NODE_OPTIONS=--import=/armemu/test/vfio-vm/guest/wasm-in-place.mjs

if grep -q armemu.shell /proc/cmdline; then
  echo "vfio-vm: leave with Ctrl-A x, or with: poweroff -f"
  setsid cttyhack chroot /root /bin/sh -c 'cd /armemu; exec /bin/sh -l'
else
  chroot /root /bin/sh -c 'cd /armemu; exec node test/vfio-vm/guest/main.mjs'
  echo "vfio-vm: the test process ended with $?"
fi
sync
poweroff -f
