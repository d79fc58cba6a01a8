import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { program } from '../../debian/host-tools.mjs';
import { deviceArguments, FORBIDDEN } from '../guest/topology.mjs';

/**
 * Arguments of every kernel: no reboot on a panic (QEMU then ends); the only clock that is cheap under TCG; and no check
 * whether the timer ticks fast enough, which ends in a panic when this machine is busy.
 */
const KERNEL_ARGUMENTS = [
  'console=ttyS0 loglevel=5 panic=-1 tsc=reliable clocksource=tsc no_timer_check nowatchdog',
  `memmap=${FORBIDDEN.size / 1024}K$0x${FORBIDDEN.address.toString(16)}`,
];

/**
 * @typedef {object} BootOptions
 * @property {string} vmlinux
 * @property {string} initramfs
 * @property {string} rootDisk
 * @property {string} packageDisk
 * @property {string} nvmeDrive
 * @property {string} [cable] the UNIX socket that the e1000e's cable ends at
 * @property {string} runDirectory where the console's log goes
 * @property {import('./scenarios.mjs').Scenario} scenario
 * @property {string} kernelArguments more of them
 * @property {number} memoryMiB
 * @property {number} timeoutSeconds
 * @property {boolean} interactive
 * @property {(message: object) => void} onMessage called for each line that the VM sends
 */

/** @param {BootOptions} options */
function qemuArguments(options) {
  const { scenario } = options;
  const kernelArguments = [
    ...KERNEL_ARGUMENTS,
    scenario.kernelArguments,
    options.kernelArguments,
    options.interactive ? 'armemu.shell' : '',
  ];
  const disk = (id, file) => [
    ...['-drive', `if=none,id=${id},format=raw,readonly=on,file=${file}`],
    ...['-device', `virtio-blk-pci,drive=${id},disable-legacy=on`],
  ];
  return [
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
    ...['-m', String(options.memoryMiB), '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-kernel', options.vmlinux, '-initrd', options.initramfs],
    ...['-append', kernelArguments.filter((text) => text !== '').join(' ')],
    ...[
      '-device',
      `intel-iommu,intremap=${scenario.interruptRemapping ? 'on' : 'off'},caching-mode=on,aw-bits=48`,
    ],
    ...disk('root', options.rootDisk),
    ...disk('package', options.packageDisk),
    ...deviceArguments(options),
    ...(options.interactive
      ? ['-serial', 'mon:stdio']
      : [
          ...['-serial', `file:${consoleLog(options.runDirectory)}`],
          ...['-chardev', 'stdio,id=results,signal=off', '-device', 'virtio-serial-pci,disable-legacy=on'],
          ...['-device', 'virtserialport,chardev=results,name=armemu.results'],
        ]),
  ];
}

/** @param {string} runDirectory */
export const consoleLog = (runDirectory) => join(runDirectory, 'console.log');

/**
 * Boots the VM and waits for its end.
 * QEMU's own exit code says nothing (it is 0 after a kernel panic): only what arrived in messages counts.
 * @param {BootOptions} options
 * @returns {Promise<{ timedOut: boolean, exitCode: number | null, panic: string | undefined }>}
 */
export async function boot(options) {
  const child = spawn(program('qemu-system-x86_64'), qemuArguments(options), {
    // Standard input stays open and silent: at its end QEMU would take the other side of the results port for gone.
    stdio: options.interactive ? 'inherit' : ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  let timedOut = false;
  let timer;
  if (!options.interactive) {
    const log = createWriteStream(join(options.runDirectory, 'results.jsonl'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      options.onMessage(parseMessage(line));
    });
    child.stderr.pipe(createWriteStream(join(options.runDirectory, 'qemu.log')));
    timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeoutSeconds * 1000);
  }
  const exitCode = await ended;
  clearTimeout(timer);
  process.removeListener('exit', stop);
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, stop);
  return { timedOut, exitCode, panic: findPanic(options.runDirectory) };
}

function parseMessage(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { type: 'garbage', line };
  }
}

function findPanic(runDirectory) {
  const path = consoleLog(runDirectory);
  if (!existsSync(path)) return undefined;
  return /Kernel panic[^\r\n]*/.exec(readFileSync(path, 'latin1'))?.[0];
}
