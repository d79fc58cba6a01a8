// What a Linux guest on a Versatile Express board sees of it, as lines that two emulators can be compared by.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guestPath } from './guests.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The boards by armemu's and QEMU's names, with the kernel's own device tree for each. */
export const BOARDS = {
  'vexpress-a9': { dtb: 'vexpress-v2p-ca9.dtb' },
  'vexpress-a15': { dtb: 'vexpress-v2p-ca15-tc1.dtb' },
};

/** @returns {string} the device tree that comes with a Debian kernel */
export function stockTree(board, release, flavour = 'armmp') {
  return guestPath(`linux-image-${flavour}`, 'usr/lib', `linux-image-${release}`, BOARDS[board].dtb);
}

/** Where the recorded facts of QEMU are. */
export function recordedPath(board, cpus) {
  return join(HERE, 'vexpress-on-qemu', `${board}-smp${cpus}.json`);
}

/** @returns the facts that `scripts/record-vexpress.mjs` recorded */
export function recordedFacts(board, cpus) {
  return JSON.parse(readFileSync(recordedPath(board, cpus), 'utf8'));
}

/** A line for each device that a driver is bound to. */
const DRIVERS =
  'for d in /sys/bus/*/drivers/*; do for l in "$d"/*; do ' +
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  'if [ -L "$l" ] && [ "${l##*/}" != module ]; then echo "${d#/sys/bus/} ${l##*/}"; fi; done; done';

/**
 * Asks a guest's shell.
 * @param {(command: string) => Promise<string>} run
 */
export async function factsOf(run) {
  return {
    cpuinfo: cpuinfo(await run('cat /proc/cpuinfo')),
    interrupts: interrupts(await run('cat /proc/interrupts')),
    iomem: iomem(await run('cat /proc/iomem')),
    drivers: lines(await run(DRIVERS)).sort(),
  };
}

function lines(text) {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

/** Without the speed of the host. */
function cpuinfo(text) {
  return lines(text).filter((line) => !line.startsWith('BogoMIPS'));
}

/** Of each wire its number at the controller, trigger and user; of the CPUs' messages to each other what they are for. */
function interrupts(text) {
  return lines(text)
    .flatMap((line) => {
      const [, user] = /^\s*\w+:(?:\s+\d+)+\s+(\S.*)$/.exec(line) ?? [];
      return user === undefined ? [] : [user.replaceAll(/\s+/g, ' ')];
    })
    .sort();
}

/** Without the inside of RAM: where images were loaded is the emulator's choice. */
function iomem(text) {
  return lines(text).filter((line) => !/^\s+[0-9a-f]+-[0-9a-f]+ : (Kernel|reserved)/.test(line));
}

/**
 * @param {string[]} ours
 * @param {string[]} theirs
 * @returns {string[]} `+ line` for what only we have, `- line` for what only they have
 */
export function differences(ours, theirs) {
  return [
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `+ ${line}`),
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `- ${line}`),
  ];
}
