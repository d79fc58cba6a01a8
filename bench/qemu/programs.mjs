/** The guests of `bench/programs`, built by Debian's arm-none-eabi-gcc when they are wanted. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { initramfs } from '../../test/debian/initramfs.mjs';
import { MissingError } from '../tools/emulators.mjs';

const SOURCES = fileURLToPath(new URL('../programs', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const GCC = 'arm-none-eabi-gcc';

const COMMON = [
  ...['-O2', '-std=c11', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-nostdlib', '-fno-common'],
  // A copy that is written as a loop is not to become a call of memcpy.
  '-fno-tree-loop-distribute-patterns',
  ...['-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments'],
];
const BARE_METAL = ['-mcpu=cortex-a15', '-mfloat-abi=soft', '-T', 'kernels/link.ld', 'kernels/start.S'];
/** What Debian builds armhf for: no fused multiply-add. */
const LINUX = ['-march=armv7-a+neon', '-mtune=cortex-a15', '-mfloat-abi=hard', '-mthumb'];
const LINUX_SOURCES = ['start.S', 'init.c', 'compute.c', 'kernel-work.c', 'neon.c'];

/** Flags of an instruction set. */
const SETS = { a32: '-marm', t32: '-mthumb' };

let folder;

/** Where what these sources and this compiler make is kept. */
function cacheFolder() {
  if (folder !== undefined) return folder;
  const version = spawnSync(GCC, ['--version'], { encoding: 'utf8' });
  if (version.status !== 0)
    throw new MissingError(`${GCC} is not installed`, 'apt-get install gcc-arm-none-eabi');
  const digest = createHash('sha256').update(JSON.stringify([version.stdout, COMMON, BARE_METAL, LINUX]));
  for (const name of readdirSync(SOURCES, { recursive: true }).sort())
    if (/\.\w+$/.test(name)) digest.update(name).update(readFileSync(join(SOURCES, name)));
  folder = join(CACHE, digest.digest('hex').slice(0, 16));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Makes a file once. @param {(path: string) => void} make @returns {string} its path */
function cached(name, make) {
  const path = join(cacheFolder(), name);
  if (!existsSync(path)) {
    make(`${path}.part`);
    renameSync(`${path}.part`, path);
  }
  return path;
}

function compile(args, output) {
  const { status, stderr } = spawnSync(GCC, [...COMMON, ...args, '-o', output], {
    cwd: SOURCES,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${GCC} ${args.join(' ')} ended with ${status}:\n${stderr}`);
}

/**
 * @param {string} name of a C file of `kernels`
 * @param {'a32' | 't32'} set
 * @param {number} rounds how often it does its work
 * @returns {string} path of an ELF executable that prints a checksum and switches the machine off
 */
export function kernelImage(name, set, rounds) {
  return cached(`${name}-${set}-${rounds}.elf`, (path) =>
    compile([`-DROUNDS=${rounds}`, ...BARE_METAL, SETS[set], `kernels/${name}.c`], path),
  );
}

/** @returns {string} path of an executable as `kernelImage`'s: so many functions, each called so often */
export function newCodeImage(functions, rounds) {
  return cached(`new-code-${functions}-${rounds}.elf`, (path) =>
    compile([`-DROUNDS=${rounds}`, `-DFUNCTIONS=${functions}`, ...BARE_METAL, 'kernels/new-code.S'], path),
  );
}

/** @returns {string} path of an initial RAM disk whose only program is /init with all workloads */
export function workloadsInitrd() {
  return cached('initrd.gz', (path) => {
    const program = cached('init', (output) =>
      compile([...LINUX, ...LINUX_SOURCES.map((source) => `linux/${source}`)], output),
    );
    writeFileSync(
      path,
      gzipSync(initramfs({ directories: ['dev'], files: [['init', readFileSync(program)]] })),
    );
  });
}
