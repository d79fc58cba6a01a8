/** Saving a Linux guest and going on from what was saved. */
import { cpuMs, wallMs } from '../tools/clocks.mjs';
import {
  armemuLinux,
  HALF_DISK_MIB,
  MIB,
  restoreArmemu,
  stopGuests,
  whyNoLinux,
} from '../tools/linux-guests.mjs';

export const name = 'snapshot';
export const title = 'Save and restore of Linux with 512 MiB of RAM';
export const goal = 'restored in under 1 s, with 150 MiB or more that is not zero';

const RAM_BASE = 0x4000_0000;
const RAM_SIZE = 512 * MIB;
const PAGE = 4096;
/** Once in the page cache, once in the file: random bytes, which don't compress. */
const FILL = `dd if=/dev/vda of=/tmp/data bs=1M count=${HALF_DISK_MIB} 2>/dev/null`;

/** MiB of pages in which something is not zero. */
function usedMiB(memory) {
  let pages = 0;
  for (let at = 0; at < RAM_SIZE; at += MIB) {
    const bytes = memory.read(RAM_BASE + at, MIB);
    const words = new Uint32Array(bytes.buffer);
    for (let page = 0; page < MIB; page += PAGE)
      if (words.subarray(page / 4, (page + PAGE) / 4).some((word) => word !== 0)) pages++;
  }
  return (pages * PAGE) / MIB;
}

async function saveAndRestore(guest, what) {
  const used = usedMiB(guest.machine.memory);
  const start = { cpu: cpuMs(), wall: wallMs() };
  const snapshot = await guest.machine.save();
  const save = { cpu: cpuMs() - start.cpu, wall: wallMs() - start.wall };
  const restore = await restoreArmemu(snapshot);
  // It goes on, which is what it was restored for.
  await guest.shell.run('true');
  return {
    guest: what,
    'RAM not zero, MiB': used,
    'snapshot, MiB': snapshot.length / MIB,
    'save, ms': save.wall,
    'CPU ms': save.cpu,
    'restore, ms': restore.wall,
    'CPU time, ms': restore.cpu,
  };
}

export async function measure() {
  const notMeasured = whyNoLinux();
  if (notMeasured !== undefined) return { notMeasured };
  const guest = await armemuLinux();
  const rows = [await saveAndRestore(guest, 'at its prompt')];
  await guest.shell.run(FILL);
  rows.push(await saveAndRestore(guest, `${2 * HALF_DISK_MIB} MiB of random data`));
  await guest.shell.run('rm /tmp/data');
  const value = rows[1]['restore, ms'];
  return { value, unit: 'ms on the wall to restore it', met: value < 1000, rows };
}

export const finish = stopGuests;
