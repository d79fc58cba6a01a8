// Builds the embedded firmware with Debian's arm-none-eabi-gcc.
//   node scripts/build-firmware.mjs           build, install firmware/prebuilt/*.elf and src/boot/embedded-firmware-image.ts
//   node scripts/build-firmware.mjs --check   build, and compare with the committed files (exit code 1 when they differ)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = 'firmware/src';
const build = 'firmware/build';
const prebuilt = 'firmware/prebuilt/armemu.elf';
/** Another image of most of the same sources, for bench/vfio.mjs. */
const dmaBench = 'firmware/dma-bench';
const dmaBenchPrebuilt = 'firmware/prebuilt/dma-bench.elf';
/** What it has of its own. */
const notInDmaBench = new Set(['main', 'commands', 'commands_devices', 'bench', 'bench_kernels', 'tests']);
const embedded = 'src/boot/embedded-firmware-image.ts';
const sizeLimit = 64 * 1024;
/** Where it is linked to: the RAM of `virt`; and the RAM of other boards, to which the loader can move it. */
const home = 0x40000000;
const elsewhere = [0x60000000, 0x80000000];

// Thumb for what is not tied to a mode: the guest switches between both instruction sets all the time.
const thumb = new Set([
  'print',
  'shell',
  'commands',
  'commands_devices',
  'commands_iommu',
  'iommu',
  'iommu_test',
  'smmu_v2',
  'smmu_v3',
  'str',
  'pci_list',
  'check',
  'mac',
  'crc32',
]);
const common = [
  // What every CPU has that a board can have: no divide. Addresses are whole words, which the loader can move.
  '-mcpu=cortex-a9',
  '-mword-relocations',
  '-mfloat-abi=soft',
  '-ffreestanding',
  '-nostdlib',
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-array-bounds',
  '-fno-common',
  '-fno-pic',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-ffunction-sections',
  '-fdata-sections',
  // memset and memcpy are written as loops; they must not become calls of themselves.
  '-fno-tree-loop-distribute-patterns',
  '-fno-delete-null-pointer-checks',
  '-g',
  `-ffile-prefix-map=${root}=.`,
];

// They measure what compilers make for a Cortex-A15.
const bench = ['-mcpu=cortex-a15'];

function run(tool, args) {
  const result = spawnSync(tool, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error?.code === 'ENOENT') {
    console.error(
      `${tool} not found. Install the Debian package gcc-arm-none-eabi: apt-get install gcc-arm-none-eabi`,
    );
    process.exit(2);
  }
  if (result.status !== 0) {
    console.error(`${tool} failed (exit code ${result.status})`);
    process.exit(2);
  }
}

function compile(source, object, flags, folder = sources) {
  run('arm-none-eabi-gcc', [...common, ...flags, '-c', `${folder}/${source}`, '-o', `${build}/${object}`]);
  return `${build}/${object}`;
}

function compileAll() {
  const objects = [];
  for (const file of readdirSync(join(root, sources)).sort()) {
    const name = file.replace(/\.[cS]$/, '');
    if (name === file) continue;
    if (name === 'bench_kernels') {
      objects.push(
        compile(file, 'bench_kernels_a32.o', [...bench, '-O2', '-marm', '-DBENCH_TABLE=bench_kernels_a32']),
      );
      objects.push(
        compile(file, 'bench_kernels_t32.o', [...bench, '-O2', '-mthumb', '-DBENCH_TABLE=bench_kernels_t32']),
      );
    } else {
      objects.push(compile(file, `${name}.o`, ['-Os', thumb.has(name) ? '-mthumb' : '-marm']));
    }
  }
  return objects;
}

/** @param objects those of the embedded firmware */
function dmaBenchObjects(objects) {
  const nameOf = (object) => object.slice(build.length + 1).replace(/(_[at]32)?\.o$/, '');
  const own = readdirSync(join(root, dmaBench))
    .filter((file) => file.endsWith('.c'))
    .sort()
    .map((file) => compile(file, `dma_bench_${file.replace(/\.c$/, '.o')}`, ['-Os', '-marm'], dmaBench));
  return [...objects.filter((object) => !notInDmaBench.has(nameOf(object))), ...own];
}

/** @param ramBase where the board's RAM starts */
function link(objects, ramBase, name = 'armemu') {
  const script = 'firmware/armemu.ld';
  const linked = `${build}/${name}.elf`;
  const flags = [
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
    '-Wl,-z,max-page-size=4096',
    '-Wl,--no-warn-rwx-segments',
    `-Wl,--defsym=board_ram_base=0x${ramBase.toString(16)}`,
  ];
  run('arm-none-eabi-gcc', [...common, '-T', script, ...flags, ...objects, '-lgcc', '-o', linked]);
  run('arm-none-eabi-objcopy', [
    '--strip-all',
    '-R',
    '.ARM.attributes',
    linked,
    `${build}/${name}.stripped.elf`,
  ]);
  return readFileSync(join(root, build, `${name}.stripped.elf`));
}

/**
 * Offsets of the words of the file that hold addresses: those that are another by as much as RAM is elsewhere.
 * @throws when a word differs otherwise, such as half an address in an instruction
 */
function addressWords(image, objects) {
  const offsets = new Set();
  for (const ramBase of elsewhere) {
    const moved = link(objects, ramBase);
    if (moved.length !== image.length) throw new Error('the image has another length elsewhere');
    const found = [];
    for (let at = 0; at < image.length; at += 4) {
      const words = [image, moved].map((bytes) =>
        Buffer.from(bytes.subarray(at, at + 4))
          .reverse()
          .toString('hex'),
      );
      if (words[0] === words[1]) continue;
      const distance = (Number.parseInt(words[1], 16) - Number.parseInt(words[0], 16)) >>> 0;
      if (distance !== ramBase - home)
        throw new Error(`the word at 0x${at.toString(16)} is no address: ${words}`);
      found.push(at);
    }
    if (offsets.size > 0 && !found.every((at) => offsets.has(at)))
      throw new Error('words differ from base to base');
    for (const at of found) offsets.add(at);
  }
  return [...offsets];
}

/** Distances from one to the next in words, a byte each; 0 stands for 255 words more. */
function packed(offsets) {
  const bytes = [];
  let last = 0;
  for (const at of offsets) {
    let distance = at / 4 - last;
    for (; distance > 255; distance -= 255) bytes.push(0);
    bytes.push(distance);
    last = at / 4;
  }
  return Buffer.from(bytes);
}

function embeddedModule(image, offsets) {
  const base64 = image.toString('base64');
  const line = 16000;
  const lines = [];
  for (let at = 0; at < base64.length; at += line) lines.push(`  '${base64.slice(at, at + line)}'`);
  return `// Generated by scripts/build-firmware.mjs from firmware/: do not edit.

/** The firmware that boards boot when no kernel is given, a stripped ELF32 for Arm, in base64. */
// biome-ignore format: a few long lines load faster than thousands of short ones
export const EMBEDDED_FIRMWARE_BASE64: string =
${lines.join(' +\n')};

/**
 * Where it has addresses, in base64: distances from one such word of the file to the next in words, a byte each; 0 stands for
 * 255 words more.
 */
// biome-ignore format: as above
export const EMBEDDED_FIRMWARE_ADDRESSES: string =
  '${packed(offsets).toString('base64')}';

/** Where RAM starts on the board that it is linked for. */
export const EMBEDDED_FIRMWARE_RAM = 0x${home.toString(16)};
`;
}

function compare(path, expected) {
  if (!existsSync(join(root, path))) return `${path}: missing`;
  return readFileSync(join(root, path)).equals(Buffer.from(expected))
    ? undefined
    : `${path}: differs from what the sources build`;
}

const args = process.argv.slice(2);
if (args.some((arg) => arg !== '--check')) {
  console.error('usage: node scripts/build-firmware.mjs [--check]');
  process.exit(2);
}
rmSync(join(root, build), { recursive: true, force: true });
mkdirSync(join(root, build), { recursive: true });
const objects = compileAll();
const image = link(objects, home);
const dmaBenchImage = link(dmaBenchObjects(objects), home, 'dma-bench');
const module = embeddedModule(image, addressWords(image, objects));
if (image.length > sizeLimit) {
  console.error(`the image has ${image.length} bytes, more than ${sizeLimit}`);
  process.exit(2);
}
if (args.includes('--check')) {
  const differences = [
    compare(prebuilt, image),
    compare(embedded, module),
    compare(dmaBenchPrebuilt, dmaBenchImage),
  ].filter(Boolean);
  for (const difference of differences) console.error(difference);
  if (differences.length > 0) {
    console.error('run: node scripts/build-firmware.mjs, and commit what it writes');
    process.exit(1);
  }
  console.log(`firmware: ${image.length} bytes, same as committed`);
} else {
  mkdirSync(join(root, dirname(prebuilt)), { recursive: true });
  mkdirSync(join(root, dirname(embedded)), { recursive: true });
  writeFileSync(join(root, prebuilt), image);
  writeFileSync(join(root, embedded), module);
  writeFileSync(join(root, dmaBenchPrebuilt), dmaBenchImage);
  console.log(`firmware: ${image.length} bytes in ${prebuilt}`);
}
