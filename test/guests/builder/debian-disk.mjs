import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { checkPrograms, runTool, TestbedError } from '../../debian/host-tools.mjs';

const SUITE = 'bookworm';
const PACKAGES = ['systemd-sysv', 'udev', 'kmod', 'pciutils', 'iproute2', 'ifupdown', 'isc-dhcp-client'];
const LEFT_OUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];
const SIZE = '1G';

/**
 * A root disk of Debian 12 for armhf: systemd, root without a password, network by DHCP where there is a card. Its
 * kernel and initial RAM disk lie in /boot for boot loaders; the packages are set up under qemu-user.
 * @param {import('./armhf-packages.mjs').ArmhfPackages} packages
 * @param {import('./linux.mjs').LinuxGuest} linux
 * @param {string} cacheDirectory
 * @param {(line: string) => void} progress
 * @returns {string} path of a raw ext4 image without partitions
 */
export function prepareDebianDisk(packages, linux, cacheDirectory, progress) {
  const image = join(cacheDirectory, `debian-12-${linux.release}.ext4`);
  if (existsSync(image)) return image;
  checkPrograms(['mmdebstrap', 'arch-test', 'qemu-arm-static', 'mke2fs']);
  if (process.getuid() !== 0) {
    throw new TestbedError(
      'the disk of Debian can only be made by root',
      'sudo npm run test:guests -- --prepare',
    );
  }
  enableArmPrograms();
  const work = mkdtempSync(join(cacheDirectory, 'disk-'));
  try {
    const root = join(work, 'root');
    progress('Debian 12: installing packages under qemu-user (some minutes)');
    runTool('mmdebstrap', [
      '--arch=armhf',
      '--variant=minbase',
      '--format=directory',
      `--include=${PACKAGES.join(',')}`,
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      '--customize-hook=chroot "$1" passwd --delete root',
      SUITE,
      root,
      packages.source(),
    ]);
    configure(root);
    cpSync(linux.modules, join(root, 'usr/lib/modules'), { recursive: true });
    cpSync(linux.kernel, join(root, 'boot', basename(linux.kernel)));
    cpSync(linux.initrd, join(root, 'boot', `initrd.img-${linux.release}`));
    progress('Debian 12: making the disk');
    // Without checksums and 64-bit block numbers, which U-Boot's reader of ext4 does not take.
    runTool('mke2fs', [
      '-q',
      '-t',
      'ext4',
      '-O',
      '^metadata_csum,^64bit',
      '-L',
      'root',
      '-d',
      root,
      `${image}.part`,
      SIZE,
    ]);
    renameSync(`${image}.part`, image);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return image;
}

function configure(root) {
  writeFileSync(join(root, 'etc/hostname'), 'guest\n');
  writeFileSync(join(root, 'etc/fstab'), 'LABEL=root / ext4 defaults 0 1\n');
  mkdirSync(join(root, 'etc/network/interfaces.d'), { recursive: true });
  writeFileSync(join(root, 'etc/network/interfaces.d/card'), 'allow-hotplug eth0\niface eth0 inet dhcp\n');
  // The card is eth0 on each transport.
  writeFileSync(
    join(root, 'etc/systemd/network/99-default.link'),
    '[Match]\nOriginalName=*\n[Link]\nNamePolicy=\n',
  );
  // Timers that would start something in the middle of a test.
  for (const timer of ['apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'fstrim.timer']) {
    rmSync(join(root, 'etc/systemd/system/timers.target.wants', timer), { force: true });
  }
}

/** Lets the kernel start programs for armhf, as qemu-user-static's installation does where systemd runs. */
function enableArmPrograms() {
  const directory = '/proc/sys/fs/binfmt_misc';
  if (existsSync(join(directory, 'qemu-arm'))) return;
  if (!existsSync(join(directory, 'register'))) runTool('mount', ['-t', 'binfmt_misc', 'none', directory]);
  if (existsSync(join(directory, 'qemu-arm'))) return;
  writeFileSync(join(directory, 'register'), readFileSync('/usr/lib/binfmt.d/qemu-arm.conf'));
}
