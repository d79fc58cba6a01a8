/** The rows of the comparison: bare-metal kernels, workloads in a Linux guest, Debian's start. */
import { readdirSync, readFileSync } from 'node:fs';
import { createMachine } from '../../dist/index.js';
import { GUESTS, linuxGuest } from '../../test/guests/guests.mjs';
import { MissingError } from '../tools/emulators.mjs';
import { inTurns, Row } from './pairs.mjs';
import { kernelImage, workloadsInitrd } from './programs.mjs';
import { KERNELS, SETS, WORKLOADS } from './workloads.mjs';

const CHECKSUM = /checksum ([0-9a-f]{8})/;
const READY = /bench: ready/;
const BEGIN = /bench: begin/;
const END = /bench: end ([0-9a-f]{8})/;
export const LOGIN = /guest login: /;
/** From counts of so many rounds those of any number follow: each round's work is the same but for the data. */
const COUNTED_ROUNDS = [2, 10];

const PREPARE = 'npm run test:guests -- --prepare';

/** Debian's kernel with an initial RAM disk that has only the workloads. */
export function workloadsGuest() {
  return { kernel: debian().kernel, initrd: workloadsInitrd(), append: 'console=ttyAMA0 quiet' };
}

/** Debian 12 on a disk. */
export function debianGuest() {
  const { kernel, initrd } = debian();
  const disk = readdirSync(GUESTS).find((file) => /^debian-12-.*\.ext4$/.test(file));
  if (disk === undefined) throw new MissingError(`there is no disk of Debian in ${GUESTS}`, PREPARE);
  const append = 'console=ttyAMA0 quiet root=/dev/vda systemd.show_status=0';
  return { kernel, initrd, append, disk: `${GUESTS}/${disk}` };
}

function debian() {
  try {
    return linuxGuest('armmp');
  } catch (error) {
    throw new MissingError(error.message.replace(/; remedy: .*/, ''), PREPARE);
  }
}

/** A bare-metal guest from its start to its end. @returns {Promise<import('./pairs.mjs').Sample>} */
export async function runToEnd(emulator, guest) {
  const process = await emulator.start(guest);
  try {
    const [, checksum] = await process.expect(CHECKSUM);
    const peakMiB = process.peakMiB();
    return { cpuMs: await process.ended(), peakMiB, checksum };
  } finally {
    process.stop();
  }
}

/** Boots a guest until it prints this. @returns the process, and the sample of its boot */
export async function bootUntil(emulator, guest, pattern) {
  const process = await emulator.start(guest);
  try {
    await process.expect(pattern);
    return { process, sample: { cpuMs: process.cpuMs(), peakMiB: process.peakMiB() } };
  } catch (error) {
    process.stop();
    throw error;
  }
}

export const bootWorkloads = (emulator, guest) => bootUntil(emulator, guest, READY);

/** @returns {Promise<import('./pairs.mjs').Sample>} CPU time between the workload's marks */
export async function runWorkload(process, { name, rounds }, scale) {
  process.write(`${name} ${scaled(rounds, scale)}\n`);
  await process.expect(BEGIN);
  const start = process.cpuMs();
  const [, checksum] = await process.expect(END);
  return { cpuMs: process.cpuMs() - start, peakMiB: process.peakMiB(), checksum };
}

export const scaled = (rounds, scale) => Math.max(1, Math.round(rounds * scale));

/** @returns {Promise<number>} instructions of a kernel; exact for few rounds, and from those in proportion */
async function countInstructions(name, set, rounds) {
  const counts = [];
  for (const few of COUNTED_ROUNDS) {
    const machine = await createMachine({ kernel: readFileSync(kernelImage(name, set, few)) });
    await machine.start();
    await machine.exited;
    counts.push(machine.instructions);
    await machine.stop();
  }
  const each = (counts[1] - counts[0]) / (COUNTED_ROUNDS[1] - COUNTED_ROUNDS[0]);
  return Math.round(counts[0] + (rounds - COUNTED_ROUNDS[0]) * each);
}

/** @returns {Promise<{ row: Row, guest: object }[]>} the kernels that are wanted */
export async function kernelRows({ wants, scale, say }) {
  const rows = [];
  for (const { name, rounds } of KERNELS) {
    for (const set of SETS) {
      if (!wants(`${name}-${set}`, name, 'kernels')) continue;
      say(`counting instructions of ${name}-${set}`);
      const count = scaled(rounds, scale);
      const row = new Row(`${name}-${set}`, { instructions: await countInstructions(name, set, count) });
      rows.push({ row, guest: { kernel: kernelImage(name, set, count) } });
    }
  }
  return rows;
}

/** One round of the kernels. */
export async function measureKernels(kernels, round, { emulators, say }) {
  for (const { row, guest } of kernels) {
    say(row.name);
    await attempt([row], async () =>
      row.add(await inTurns(round, emulators, (emulator) => runToEnd(emulator, guest))),
    );
  }
}

/** @returns {{ boot: Row | undefined, workloads: { row: Row, workload: object }[], guest: object } | undefined} */
export function linuxRows({ wants }) {
  const boot = wants('init', 'boot') ? new Row('init') : undefined;
  const workloads = WORKLOADS.filter(({ name, group }) => wants(name, group)).map((workload) => ({
    row: new Row(workload.name),
    workload,
  }));
  if (boot === undefined && workloads.length === 0) return undefined;
  return { boot, workloads, guest: workloadsGuest() };
}

/** One round of the Linux guest: a boot in each emulator, then the workloads in turns; the other one waits. */
export async function measureLinux({ boot, workloads, guest }, round, { emulators, scale, say }) {
  const processes = {};
  const rows = workloads.map(({ row }) => row);
  try {
    say('Debian kernel to /init');
    await attempt([...(boot === undefined ? [] : [boot]), ...rows], async () => {
      const pair = await inTurns(round, emulators, async (emulator, who) => {
        const { process, sample } = await bootWorkloads(emulator, guest);
        processes[who] = process;
        return sample;
      });
      boot?.add(pair);
    });
    if (processes.ours === undefined || processes.qemu === undefined) return;
    for (const [i, { row, workload }] of workloads.entries()) {
      say(`${row.name} in Linux`);
      // A guest that failed in one workload takes no other.
      const isDone = await attempt(rows.slice(i), async () =>
        row.add(await inTurns(round, emulators, (_, who) => runWorkload(processes[who], workload, scale))),
      );
      if (!isDone) return;
    }
  } finally {
    for (const process of Object.values(processes)) process.stop();
  }
}

/** @returns {{ row: Row, guest: object } | undefined} */
export function loginRow({ wants }) {
  return wants('login', 'boot') ? { row: new Row('login'), guest: debianGuest() } : undefined;
}

/** One round of Debian's disk. */
export async function measureLogin({ row, guest }, round, { emulators, say }) {
  say('Debian disk to login:');
  await attempt([row], async () => {
    const pair = await inTurns(round, emulators, async (emulator) => {
      const { process, sample } = await bootUntil(emulator, guest, LOGIN);
      process.stop();
      return sample;
    });
    row.add(pair);
  });
}

/** Notes in all these rows what went wrong. @returns {Promise<boolean>} whether nothing did */
async function attempt(rows, run) {
  try {
    await run();
    return true;
  } catch (error) {
    for (const row of rows) row.errors.push(error.message);
    return false;
  }
}
