/** armemu's command and qemu-system-arm, so that both run the same guest on the same machine. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EmulatorProcess } from './emulator-process.mjs';
import { qemuVersion } from './qemu.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const COMPILE = fileURLToPath(new URL('../../scripts/compile-bundle.mjs', import.meta.url));
const QEMU = 'qemu-system-arm';

/** Something that must be there before anything is measured, and what a person does about it. */
export class MissingError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * @typedef {object} Guest
 * @property {string} kernel path
 * @property {string} [initrd] path
 * @property {string} [append] the kernel's command line
 * @property {string} [disk] path of a raw image; writes to it are thrown away
 * @property {number} [memoryMiB] 512 by default
 * @property {number} [smp] 1 by default
 */

/**
 * @typedef {object} Emulator
 * @property {string} name
 * @property {string} version
 * @property {(guest: Guest) => Promise<EmulatorProcess>} start
 */

/** A command that another Node has built starts slower: it has no bytecode for this one's V8, as `npm run build` makes it. */
function compileFor(node, version, command) {
  const folder = dirname(command);
  const files = readdirSync(folder);
  if (
    !files.includes('bundle.js') ||
    files.some((name) => name.endsWith('.code') && name.includes(`-${version}-`))
  )
    return;
  const { status, stderr } = spawnSync(node, [COMPILE, join(folder, '..')], { input: '', encoding: 'utf8' });
  if (status !== 0) throw new MissingError(`${node} can't compile ${command}: ${stderr}`, 'npm run build');
}

/**
 * @param {{ node?: string, engine?: string, command?: string, nodeOptions?: string[], cpu?: number }} [options] another Node than this one, armemu's
 *   `--engine`, another tree's built command, and what Node is given before it; the number of the host's CPU that it is to run on
 * @returns {Emulator} the built command, as its users start it
 */
export function armemuCommand({
  node = process.execPath,
  engine,
  command = COMMAND,
  nodeOptions = [],
  cpu,
} = {}) {
  if (!existsSync(command)) throw new MissingError(`${command} is not there`, 'npm run build');
  const answer = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (answer.status !== 0)
    throw new MissingError(
      `${node} is no Node (${answer.error?.message ?? answer.stderr})`,
      'give --node the path of one; node scripts/fetch-node.mjs 24 fetches one and prints its path',
    );
  compileFor(node, answer.stdout.trim(), command);
  const chosen = engine === undefined ? [] : ['--engine', engine];
  const [program, ...before] = cpu === undefined ? [node] : ['taskset', '-c', `${cpu}`, node];
  return {
    name: 'armemu',
    version: `Node ${answer.stdout.trim()}`,
    start: ({ kernel, initrd, append, disk, memoryMiB = 512, smp = 1 }) =>
      EmulatorProcess.start(program, [
        ...before,
        ...nodeOptions,
        command,
        'run',
        ...['-M', 'virt', '-m', `${memoryMiB}M`, '--smp', `${smp}`, '--no-edu', '--no-reboot'],
        ...chosen,
        ...['--kernel', kernel],
        ...(initrd === undefined ? [] : ['--initrd', initrd]),
        ...(append === undefined ? [] : ['--append', append]),
        ...(disk === undefined ? [] : ['--drive', `file=${disk},format=raw`, '--snapshot']),
      ]),
  };
}

/** @returns {Promise<object>} what the command's `--stats` say of a bare-metal guest that switches its machine off */
export async function commandStatistics(node, kernel) {
  const guest = ['-M', 'virt', '-m', '512M', '--no-edu', '--no-reboot', '--kernel', kernel];
  const { stderr } = await promisify(execFile)(node, [COMMAND, 'run', ...guest, '--stats=json']);
  return JSON.parse(stderr);
}

/** @returns {Emulator} QEMU with one thread for all CPUs, and no device that armemu's machine does not have */
export function qemuCommand() {
  const version = qemuVersion();
  if (version === undefined)
    throw new MissingError(`${QEMU} is not installed`, 'apt-get install qemu-system-arm');
  return {
    name: 'QEMU',
    version,
    start: ({ kernel, initrd, append, disk, memoryMiB = 512, smp = 1 }) =>
      EmulatorProcess.start(QEMU, [
        ...['-M', 'virt,highmem=off,gic-version=2', '-cpu', 'cortex-a15', '-accel', 'tcg,thread=single'],
        ...['-m', `${memoryMiB}`, '-smp', `${smp}`, '-no-reboot', '-nic', 'none'],
        ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
        ...['-kernel', kernel],
        ...(initrd === undefined ? [] : ['-initrd', initrd]),
        ...(append === undefined ? [] : ['-append', append]),
        ...(disk === undefined ? [] : ['-drive', `file=${disk},format=raw,if=none,id=disk,snapshot=on`]),
        ...(disk === undefined ? [] : ['-device', 'virtio-blk-device,drive=disk']),
      ]),
  };
}
