// The boots of the Versatile Express boards that are tested: which there are, how each is started, and what it has cost.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { openDisk } from '../../dist/host/index.js';
import { GUESTS, GuestShell, guestPath, linuxGuest, scratchDirectory, startMachine } from './guests.mjs';
import { BOARDS, stockTree } from './vexpress-facts.mjs';

const MIB = 2 ** 20;
const SECTOR = 512;
/** Where the only partition begins: where today's tools put it. */
export const PARTITION_OFFSET = MIB;
const LINUX_PARTITION = 0x83;

/** What a guest boots from: the options of a machine, and the kernel's. */
const SOURCES = {
  initrd: { title: 'the initrd', disk: () => ({}), root: '' },
  sd: {
    title: 'the SD card',
    disk: (disk) => ({ sd: disk }),
    root: 'root=/dev/mmcblk0p1 rootfstype=ext4 rw rootwait ',
  },
  virtio: { title: 'virtio', disk: (disk) => ({ disks: [{ disk }] }), root: 'root=/dev/vda1 rw ' },
};

/**
 * Programs at the same addresses in all processes are translated less often. The boards' network card is there without a network,
 * too, which Debian would wait for.
 */
const APPEND =
  'console=ttyAMA0,38400n8 quiet systemd.show_status=0 norandmaps systemd.mask=networking.service systemd.mask=ifup@eth0.service';

/**
 * @typedef {object} Boot
 * @property {keyof BOARDS} board
 * @property {keyof SOURCES} source
 * @property {number} cpus
 * @property {'own' | 'stock'} tree the one that the board makes, or the one that comes with the kernel
 */

/**
 * Each board with one and two CPUs and either device tree.
 * @param {...keyof SOURCES} sources
 * @returns {Boot[]}
 */
export function bootsFrom(...sources) {
  return Object.keys(BOARDS).flatMap((board) =>
    sources.flatMap((source) =>
      [1, 2].flatMap((cpus) => ['own', 'stock'].map((tree) => ({ board, source, cpus, tree }))),
    ),
  );
}

export function titleOf({ board, source, cpus, tree }) {
  return `${board} from ${SOURCES[source].title} with ${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'} and the ${tree} tree`;
}

/**
 * Starts a boot in this process. Registers that the devices do not have are written down in `log`.
 * @param {import('node:test').TestContext} t
 * @param {Boot} boot
 * @param {string} [image] the disk, which stays as it is
 */
export async function startBoot(t, { board, source, cpus, tree }, image) {
  const { kernel, vexpressInitrd: initrd, release } = linuxGuest('armmp');
  const log = [];
  const dtb = stockTree(board, release);
  const disk = image === undefined ? undefined : await openDisk(image, { format: 'raw', snapshot: true });
  const machine = await startMachine(t, {
    machine: board,
    // A kernel on a busy host complains of that, too.
    clock: 'instructions',
    smp: cpus,
    memory: '512M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    ...(tree === 'stock' ? { dtb: { name: dtb, bytes: readFileSync(dtb) } } : {}),
    ...SOURCES[source].disk(disk),
    append: `${SOURCES[source].root}${APPEND}`,
    log: { guestError: (message) => log.push(message), unimplemented() {} },
  });
  return { machine, shell: new GuestShell(machine.serial), log, release };
}

/** Host time for Debian's boot on a loaded machine. */
const LOGIN_PATIENCE = '2400s';

/** Logs in to Debian. `expect` and `write` are a machine's serial port or a {@link CommandSession}. */
export async function logIn(console, shell) {
  const patience = { timeout: LOGIN_PATIENCE };
  await console.expect(/guest login: /, patience);
  console.write('root\n');
  await console.expect(/root@guest:~# /, patience);
  await shell.run("stty -echo; PS1=''; dmesg -n 1");
}

/**
 * The disk of Debian as the only partition of a card, whose size is a power of two.
 * @returns {string} path of a sparse file of the test's own
 */
export function partitionedDebian(t) {
  const name = readdirSync(GUESTS).find((file) => /^debian-12-.*\.ext4$/.test(file)) ?? 'debian-12.ext4';
  const from = guestPath(name);
  const path = join(scratchDirectory(t), 'debian.img');
  const { size } = statSync(from);
  const [source, target] = [openSync(from, 'r'), openSync(path, 'w')];
  ftruncateSync(target, 2 ** Math.ceil(Math.log2(PARTITION_OFFSET + size)));
  writeSync(target, partitionTable([{ offset: PARTITION_OFFSET, size }]), 0, SECTOR, 0);
  const piece = Buffer.alloc(MIB);
  const zeros = Buffer.alloc(MIB);
  for (let at = 0; at < size; at += MIB) {
    const bytes = readSync(source, piece, 0, MIB, at);
    if (!piece.equals(zeros)) writeSync(target, piece, 0, bytes, PARTITION_OFFSET + at);
  }
  closeSync(source);
  closeSync(target);
  return path;
}

/** The first sector of a disk with a partition table as PCs have it, of up to four parts in bytes. */
export function partitionTable(parts) {
  const sector = Buffer.alloc(SECTOR);
  for (const [i, { offset, size }] of parts.entries()) {
    const entry = 446 + 16 * i;
    sector[entry + 4] = LINUX_PARTITION;
    sector.writeUInt32LE(offset / SECTOR, entry + 8);
    sector.writeUInt32LE(size / SECTOR, entry + 12);
  }
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** What boots have cost; printed when a file's tests have run. */
export class Costs {
  #lines = [];

  constructor() {
    after(() => {
      console.log(`${new Date().toISOString().slice(0, 16)} UTC, counting clock`);
      for (const line of this.#lines) console.log(line);
    });
  }

  /**
   * Runs a test, and writes down how it ended.
   * @param {string} title
   * @param {(started: (machine: import('../../dist/index.js').Machine) => void) => Promise<void>} run
   */
  async of(title, run) {
    const before = process.cpuUsage();
    let machine;
    let result = 'failed';
    try {
      await run((started) => {
        machine = started;
      });
      result = 'passed';
    } finally {
      const { user, system } = process.cpuUsage(before);
      const cost = `${((machine?.instructions ?? 0) / 1e9).toFixed(2)} G instructions, ${((user + system) / 1e6).toFixed(0)} s of CPU time`;
      this.#lines.push(`${result}  ${title}: ${cost}`);
    }
  }
}
