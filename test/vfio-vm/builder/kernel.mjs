import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { runTool, TestbedError } from '../../debian/host-tools.mjs';
import { moduleOrder } from '../../debian/module-order.mjs';

const META_PACKAGE = 'linux-image-cloud-amd64';

/** What the VM's kernel loads before the first test; modprobe adds what each of them needs. */
const MODULES = [
  'virtio_pci',
  'virtio_blk',
  'erofs',
  'virtio_console',
  'virtio_net',
  'vfio_iommu_type1',
  'vfio-pci',
];

/**
 * @typedef {object} Kernel
 * @property {string} packageName
 * @property {string} vmlinux path of the ELF kernel
 * @property {string[]} modules paths of the modules, in the order of loading
 */

/**
 * Fetches and unpacks the kernel that Debian's meta package stands for today. The versions rotate, so the name is
 * asked for each time; an unpacked kernel is kept in the cache.
 * @param {string} cacheDirectory
 * @param {(line: string) => void} progress
 * @returns {Kernel}
 */
export function prepareKernel(cacheDirectory, progress) {
  const packageName = currentPackage();
  const directory = join(cacheDirectory, packageName);
  if (!existsSync(directory)) {
    progress(`kernel: fetching ${packageName}`);
    unpackPackage(packageName, cacheDirectory, directory);
  } else {
    progress(`kernel: ${packageName} (cached)`);
  }
  const release = readdirSync(join(directory, 'lib/modules'))[0];
  return {
    packageName,
    vmlinux: join(directory, 'vmlinux'),
    modules: moduleOrder(directory, release, MODULES),
  };
}

function currentPackage() {
  const answer = runTool('apt-cache', ['depends', META_PACKAGE], {
    remedy: 'apt-get update',
  }).toString();
  const match = /Depends: (linux-image-\S+)/.exec(answer);
  if (!match) {
    throw new TestbedError(`apt knows no package ${META_PACKAGE}`, 'apt-get update (on Debian for amd64)');
  }
  return match[1];
}

function unpackPackage(packageName, cacheDirectory, directory) {
  mkdirSync(cacheDirectory, { recursive: true });
  const work = mkdtempSync(join(cacheDirectory, 'unpack-'));
  try {
    runTool('apt-get', ['download', '-qq', packageName], {
      cwd: work,
      remedy: 'apt-get update, then try again; the package must be downloadable',
    });
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new TestbedError(`apt-get download left no archive of ${packageName}`);
    const tree = join(work, 'tree');
    runTool('dpkg-deb', ['-x', join(work, archive), tree]);
    const release = readdirSync(join(tree, 'lib/modules'))[0];
    runTool('depmod', ['-b', tree, release]);
    writeFileSync(join(tree, 'vmlinux'), unpackKernelImage(join(tree, 'boot', `vmlinuz-${release}`)));
    // Another run may have been faster; both hold the same.
    if (!existsSync(directory)) renameSync(tree, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Takes the ELF kernel out of a bzImage, because QEMU boots the ELF (PVH entry) in half the time: the kernel's own
 * decompressor is slow under TCG. Offsets: Linux Documentation/x86/boot.rst, setup_sects, payload_offset and
 * payload_length.
 */
function unpackKernelImage(path) {
  const image = readFileSync(path);
  const start = (image[0x1f1] + 1) * 512 + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  // The last four bytes are the unpacked size, which is no part of the LZ4 stream.
  const payload = image.subarray(start, start + length - 4);
  if (payload.readUInt32LE(0) !== 0x184c2102) {
    throw new TestbedError(
      `${path} is not packed with LZ4 (magic ${payload.subarray(0, 4).toString('hex')})`,
    );
  }
  const elf = runTool('lz4', ['-d', '-c', '-'], { input: payload });
  if (elf.readUInt32BE(0) !== 0x7f454c46) throw new TestbedError(`${path} holds no ELF kernel`);
  return elf;
}
