#!/bin/busybox sh
# First process of the Linux guests. With root= on the kernel's command line it hands over to that disk's init;
# otherwise it leaves a shell on the console, and switches the machine off when that ends.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /tmp
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /run
mount -t devpts devpts /dev/pts
echo 3 > /proc/sys/kernel/printk

while read -r module; do
  insmod "/modules/$module" || echo "guest: insmod $module failed"
done < /modules/order

root=$(sed -n 's/.*\broot=\([^ ]*\).*/\1/p' /proc/cmdline)
if [ -n "$root" ]; then
  tries=0
  while [ ! -e "$root" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ]; then
      echo "guest: $root did not appear"
      poweroff -f
    fi
    sleep 0.1
  done
  mount -o rw "$root" /root || poweroff -f
  umount /dev/pts
  mount --move /dev /root/dev
  umount /proc /sys
  exec switch_root /root /sbin/init
fi

ip link set lo up
echo "guest: ready"
PS1='guest# ' setsid cttyhack sh
poweroff -f
