/** A disk of a Linux guest: a raw file by virtio-blk, beside QEMU. */
import { median } from '../tools/clocks.mjs';
import {
  armemuLinux,
  HALF_DISK_MIB,
  qemuLinux,
  reference,
  stopGuests,
  timed,
  whyNoLinux,
} from '../tools/linux-guests.mjs';

export const name = 'disk';
export const title = `Reading ${HALF_DISK_MIB} MiB of a raw disk by virtio-blk, dd in Linux`;

/** Of each, after one in which both translators do their work. */
const SAMPLES = 1;
/** Not what the guest has in its page cache. */
const FORGET = 'echo 3 > /proc/sys/vm/drop_caches';
const COMMANDS = {
  read: `dd if=/dev/vda of=/dev/null bs=1M count=${HALF_DISK_MIB} 2>/dev/null`,
  'write and fsync': `dd if=/dev/zero of=/dev/vda bs=1M seek=${HALF_DISK_MIB} count=${HALF_DISK_MIB} conv=notrunc,fsync 2>/dev/null`,
};

async function throughput(guest, command) {
  const samples = [];
  for (let i = 0; i <= SAMPLES; i++) {
    await guest.shell.run(FORGET);
    const times = await timed(guest, command);
    if (i > 0) samples.push(times);
  }
  return {
    wall: (HALF_DISK_MIB * 1000) / median(samples.map(({ wall }) => wall)),
    cpu: (HALF_DISK_MIB * 1000) / median(samples.map(({ cpu }) => cpu)),
  };
}

export async function measure() {
  const notMeasured = whyNoLinux();
  if (notMeasured !== undefined) return { notMeasured };
  const guests = { ours: await armemuLinux(), qemu: await qemuLinux() };
  const rows = [];
  for (const [what, command] of Object.entries(COMMANDS)) {
    const ours = await throughput(guests.ours, command);
    const qemu = guests.qemu && (await throughput(guests.qemu, command));
    rows.push({
      what,
      'MiB/s': ours.wall,
      'MiB per s of CPU time': ours.cpu,
      ...(qemu ? { 'QEMU, MiB/s': qemu.wall, 'QEMU, MiB per s of CPU time': qemu.cpu } : {}),
    });
  }
  return { value: rows[0]['MiB/s'], unit: 'MiB/s on the wall', details: { reference: reference() }, rows };
}

export const finish = stopGuests;
