/** Debian's kernel with busybox in armemu and in QEMU, each booted once and shared by the measures that want it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDisk, userNetwork } from '../../dist/host/index.js';
import { createMachine } from '../../dist/index.js';
import { GuestShell, linuxGuest, PATIENCE } from '../../test/guests/guests.mjs';
import { cpuMs, wallMs } from './clocks.mjs';
import { QemuGuest, qemuVersion } from './qemu.mjs';

export const MIB = 2 ** 20;
/** The disk's first half has random contents that no measure changes; the second is for writing. */
export const HALF_DISK_MIB = 64;
export const NO_QEMU = 'qemu-system-arm is not installed: no reference in this run';

const READY = /guest: ready/;
const APPEND = 'console=ttyAMA0 quiet';

/**
 * @typedef {object} LinuxBench a guest at its shell
 * @property {GuestShell} shell
 * @property {() => number} cpuMs CPU time of the process that emulates it, in milliseconds
 * @property {{ cpu: number, wall: number, instructions?: number }} boot from the emulator's start to the shell: milliseconds
 */

let folder;
let armemu;
let qemu;

/** Why there is no Linux to measure, or undefined. */
export function whyNoLinux() {
  try {
    linuxGuest('armmp');
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** @returns {Promise<LinuxBench & { machine: import('../../dist/index.js').Machine }>} armemu's guest */
export function armemuLinux() {
  armemu ??= bootArmemu();
  return armemu;
}

/** @returns {Promise<LinuxBench | undefined>} QEMU's guest; undefined where there is no QEMU */
export function qemuLinux() {
  if (qemuVersion() === undefined) return Promise.resolve(undefined);
  qemu ??= bootQemu();
  return qemu;
}

/** What measures print as their reference. */
export const reference = () => qemuVersion() ?? NO_QEMU;

async function bootArmemu() {
  const { kernel, initrd } = linuxGuest('armmp');
  const options = {
    ...(await backends()),
    memory: '512M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: APPEND,
  };
  const start = { cpu: cpuMs(), wall: wallMs() };
  const machine = await createMachine(options);
  await machine.start();
  await machine.serial.expect(READY, { timeout: PATIENCE });
  const boot = {
    cpu: cpuMs() - start.cpu,
    wall: wallMs() - start.wall,
    instructions: machine.instructions,
  };
  return { machine, shell: new GuestShell(machine.serial), cpuMs, boot };
}

/**
 * Ends armemu's machine and goes on with one that is restored from a snapshot of it.
 * @returns {Promise<{ cpu: number, wall: number }>} milliseconds that `createMachine` took for that
 */
export async function restoreArmemu(snapshot) {
  const guest = await armemuLinux();
  await guest.machine.stop();
  const options = { ...(await backends()), restore: snapshot };
  const start = { cpu: cpuMs(), wall: wallMs() };
  guest.machine = await createMachine(options);
  const cost = { cpu: cpuMs() - start.cpu, wall: wallMs() - start.wall };
  guest.shell = new GuestShell(guest.machine.serial);
  await guest.machine.start();
  return cost;
}

/** A disk and a network; they end with their machine. */
async function backends() {
  return {
    disks: [{ disk: await openDisk(diskFile('armemu'), { format: 'raw' }) }],
    nics: [{ network: userNetwork() }],
  };
}

async function bootQemu() {
  const { kernel, initrd } = linuxGuest('armmp');
  const args = ['-kernel', kernel, '-initrd', initrd, '-append', APPEND];
  args.push('-drive', `file=${diskFile('qemu')},format=raw,if=none,id=disk`);
  args.push('-device', 'virtio-blk-device,drive=disk');
  args.push('-netdev', 'user,id=net', '-device', 'virtio-net-device,netdev=net');
  const start = wallMs();
  const guest = await QemuGuest.start({ args, prompt: READY });
  return {
    shell: new GuestShell(guest),
    cpuMs: () => guest.cpuMs(),
    boot: { cpu: guest.cpuMs(), wall: wallMs() - start },
    stop: () => guest.stop(),
  };
}

const diskFiles = new Set();

function diskFile(name) {
  folder ??= mkdtempSync(join(tmpdir(), 'armemu-bench-'));
  const file = join(folder, `${name}.raw`);
  if (!diskFiles.has(file)) {
    writeFileSync(file, Buffer.concat([randomBytes(HALF_DISK_MIB * MIB), Buffer.alloc(HALF_DISK_MIB * MIB)]));
    diskFiles.add(file);
  }
  return file;
}

/**
 * Runs a command in a guest's shell.
 * @returns {Promise<{ output: string, cpu: number, wall: number }>} milliseconds of CPU time and on the wall
 */
export async function timed(guest, command) {
  const start = { cpu: guest.cpuMs(), wall: wallMs() };
  const output = await guest.shell.run(command);
  return { output, cpu: guest.cpuMs() - start.cpu, wall: wallMs() - start.wall };
}

/** Ends the guests; a second call does nothing. */
export async function stopGuests() {
  const guests = await Promise.allSettled([armemu, qemu]);
  await guests[0].value?.machine.stop();
  guests[1].value?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  diskFiles.clear();
  armemu = qemu = folder = undefined;
}
