import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** A reason why a test's guest or host can't be built or booted, in words for the person who runs the tests. */
export class TestbedError extends Error {
  /** @param {string} message @param {string} [remedy] */
  constructor(message, remedy) {
    super(message);
    this.name = 'TestbedError';
    this.remedy = remedy;
  }
}

/** Which Debian package supplies each program that the builders run. */
const PACKAGE_OF = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  'mkfs.erofs': 'erofs-utils',
  modprobe: 'kmod',
  depmod: 'kmod',
  lz4: 'lz4',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
  'apt-cache': 'apt',
  ldd: 'libc-bin',
  script: 'bsdutils',
  lspci: 'pciutils',
  prlimit: 'util-linux',
  'g++': 'g++',
  mmdebstrap: 'mmdebstrap',
  'arch-test': 'arch-test',
  'qemu-arm-static': 'qemu-user-static',
  mke2fs: 'e2fsprogs',
  mount: 'mount',
  fakeroot: 'fakeroot',
  'apt-ftparchive': 'apt-utils',
  'qemu-img': 'qemu-utils',
  'gdb-multiarch': 'gdb-multiarch',
  'qemu-system-arm': 'qemu-system-arm',
};

/** modprobe, depmod and mkfs.erofs live in sbin, which is not in the PATH of an ordinary user. */
const SEARCH_PATH = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** @param {string} name @returns {string | undefined} the program's path */
function findProgram(name) {
  for (const directory of SEARCH_PATH) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this directory
    }
  }
  return undefined;
}

/**
 * @param {keyof typeof PACKAGE_OF} name
 * @returns {string} the program's path
 * @throws {TestbedError} naming the Debian package that has it
 */
export function program(name) {
  const path = findProgram(name);
  if (path === undefined) {
    throw new TestbedError(`the program ${name} is not installed`, `apt-get install ${PACKAGE_OF[name]}`);
  }
  return path;
}

/**
 * Reports every missing program at once, so that one apt-get mends it.
 * @param {(keyof typeof PACKAGE_OF)[]} names
 * @throws {TestbedError} naming the programs and their packages
 */
export function checkPrograms(names) {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PACKAGE_OF[name]))];
    throw new TestbedError(`not installed: ${missing.join(', ')}`, `apt-get install ${packages.join(' ')}`);
  }
}

/**
 * Runs a program to its end.
 * @param {keyof typeof PACKAGE_OF} name
 * @param {string[]} args
 * @param {{ cwd?: string, input?: Uint8Array, remedy?: string }} [options]
 * @returns {Buffer} its standard output
 */
export function runTool(name, args, options = {}) {
  const result = spawnSync(program(name), args, {
    cwd: options.cwd,
    input: options.input,
    maxBuffer: 512 * 1024 * 1024,
  });
  if (result.error) throw new TestbedError(`${name} did not start: ${result.error.message}`);
  if (result.status !== 0) {
    const said = result.stderr.toString().trim().split('\n').slice(-5).join('\n');
    throw new TestbedError(`${name} ${args.join(' ')} ended with ${result.status}: ${said}`, options.remedy);
  }
  return result.stdout;
}
