/** Debian's kernel with busybox, from the machine's start to its shell, beside QEMU. */
import { armemuLinux, qemuLinux, reference, stopGuests, whyNoLinux } from '../tools/linux-guests.mjs';

export const name = 'linux-boot';
export const title = "Boot of Debian's kernel to busybox' shell";

export async function measure() {
  const notMeasured = whyNoLinux();
  if (notMeasured !== undefined) return { notMeasured };
  const { boot } = await armemuLinux();
  const qemu = await qemuLinux();
  return {
    value: boot.instructions / boot.cpu / 1000,
    unit: 'MIPS by CPU time',
    details: {
      'millions of instructions': boot.instructions / 1e6,
      's of CPU time': boot.cpu / 1000,
      's on the wall': boot.wall / 1000,
      ...(qemu
        ? {
            'QEMU, s of CPU time': qemu.boot.cpu / 1000,
            'QEMU, s on the wall': qemu.boot.wall / 1000,
            'CPU time of armemu / QEMU': boot.cpu / qemu.boot.cpu,
          }
        : {}),
      reference: reference(),
    },
  };
}

export const finish = stopGuests;
