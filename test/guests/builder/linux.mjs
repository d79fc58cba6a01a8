import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { runTool } from '../../debian/host-tools.mjs';
import { buildInitramfs } from '../../debian/initramfs.mjs';
import { moduleOrder } from '../../debian/module-order.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** What the guests' tests use and Debian's kernel has as modules. */
const MODULES = [
  'virtio_mmio',
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio-rng',
  '9p',
  '9pnet_virtio',
  'ext4',
  'af_packet',
];

/** What Debian has as modules for the devices of the Versatile Express boards, beside those. */
const VEXPRESS_MODULES = [
  'armmmci',
  'smsc911x',
  'ambakmi',
  'leds-gpio',
  'sp805_wdt',
  'vexpress-regulator',
  'i2c-versatile',
  'physmap',
];

/**
 * @typedef {object} LinuxGuest
 * @property {string} kernel path of the zImage
 * @property {string} initrd path of the compressed initramfs: busybox, the modules above, guest/init.sh
 * @property {string} modules path of lib/modules
 * @property {string} release
 */

/**
 * A Debian kernel as it is packaged, with an initramfs of our own.
 * @param {import('./armhf-packages.mjs').ArmhfPackages} packages
 * @param {'armmp' | 'armmp-lpae'} flavour
 * @returns {LinuxGuest}
 */
export function prepareLinux(packages, flavour) {
  const tree = packages.fetch(`linux-image-${flavour}`);
  const release = readdirSync(join(tree, 'lib/modules'))[0];
  const initrd = join(tree, 'initrd.gz');
  prepareInitramfs(packages, { tree, release, initrd, modules: MODULES });
  prepareInitramfs(packages, {
    tree,
    release,
    initrd: join(tree, 'initrd-vexpress.gz'),
    modules: [...MODULES, ...VEXPRESS_MODULES],
  });
  return {
    kernel: join(tree, 'boot', `vmlinuz-${release}`),
    initrd,
    modules: join(tree, 'lib/modules'),
    release,
  };
}

function prepareInitramfs(packages, { tree, release, initrd, modules }) {
  if (existsSync(initrd)) return;
  runTool('depmod', ['-b', tree, release]);
  const archive = buildInitramfs({
    busybox: join(packages.fetch('busybox-static'), 'bin/busybox'),
    // The CPUs here have no CRC32 instructions, which is all that this module is for.
    modules: moduleOrder(tree, release, modules).filter((path) => !path.includes('crc32-arm-ce')),
    init: join(HERE, '../guest/init.sh'),
  });
  writeFileSync(`${initrd}.part`, gzipSync(archive));
  renameSync(`${initrd}.part`, initrd);
}
