import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const DIRECTORY = 0o040755;
const EXECUTABLE = 0o100755;
const CHARACTER_DEVICE = 0o020600;

/** One entry of a "newc" cpio archive (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */
function entry(name, mode, data = new Uint8Array(), device = [0, 0], inode = 0) {
  const field = (value) => value.toString(16).padStart(8, '0');
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length + 1, 0];
  const head = Buffer.from(`070701${fields.map(field).join('')}${name}\0`);
  return Buffer.concat([head, padding(head.length), data, padding(data.length)]);
}

const padding = (length) => Buffer.alloc((4 - (length % 4)) % 4);

/**
 * The first root of the VM: busybox, the modules, and a script that loads them and changes over to the test's root.
 * @param {{ busybox: string, modules: string[], init: string, programs?: [name: string, contents: Uint8Array][] }} parts paths;
 * `init` becomes /init, `programs` are more of /bin
 * @returns {Buffer} an uncompressed cpio archive
 */
export function buildInitramfs({ busybox, modules, init, programs = [] }) {
  return initramfs({
    directories: ['bin', 'dev', 'proc', 'sys', 'root', 'modules'],
    files: [
      ['bin/busybox', readFileSync(busybox)],
      ...programs.map(([name, contents]) => [`bin/${name}`, contents]),
      ['init', readFileSync(init)],
      ['modules/order', Buffer.from(modules.map((path) => `${basename(path)}\n`).join(''))],
      ...modules.map((path) => [`modules/${basename(path)}`, readFileSync(path)]),
    ],
  });
}

/**
 * Any first root; all its files are executable.
 * @param {{ directories: string[], files: [name: string, contents: Uint8Array][] }} contents with the directory `dev`
 * @returns {Buffer} an uncompressed cpio archive
 */
export function initramfs({ directories, files }) {
  let inode = 1;
  return Buffer.concat([
    ...directories.map((name) => entry(name, DIRECTORY, undefined, undefined, inode++)),
    // The kernel opens /dev/console for init before anything is mounted.
    entry('dev/console', CHARACTER_DEVICE, undefined, [5, 1], inode++),
    ...files.map(([name, data]) => entry(name, EXECUTABLE, data, undefined, inode++)),
    entry('TRAILER!!!', 0),
  ]);
}
