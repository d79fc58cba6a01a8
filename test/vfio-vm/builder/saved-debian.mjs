import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { runTool } from '../../debian/host-tools.mjs';
import { buildInitramfs } from '../../debian/initramfs.mjs';
import { moduleOrder } from '../../debian/module-order.mjs';
import { ArmhfPackages } from '../../guests/builder/armhf-packages.mjs';
import { prepareLinux } from '../../guests/builder/linux.mjs';
import { SAVED_GUESTS } from '../guest/saved-guests.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROGRAM = join(HERE, '../programs/device-io.c');
const FIRST_PROCESS = join(HERE, '../../guests/guest/init.sh');

/** The drivers of the devices that the guest finds after it was restored; the kernel itself has the SMMU's. */
const MODULES = ['nvme', 'e1000e', 'af_packet'];

/** Takes lines without an editor, which would cost more than what most of them do. */
const PLAIN_SHELL = 'stty -echo; while read -r line; do eval "$line"; done\n';
/** The log that a guest is asked for in the VM begins there. */
const EMPTY_LOG = 'dmesg -c > /tmp/boot.log; echo plain"-"shell\n';

/** @returns {Buffer} an executable for 32-bit Arm Linux, which needs nothing but the kernel */
function buildProgram(directory) {
  const output = join(directory, 'device-io');
  const flags = ['-O2', '-std=c11', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-nostdlib', '-static'];
  const target = ['-march=armv7-a', '-marm', '-mfloat-abi=soft', '-Wl,--build-id=none'];
  runTool('arm-none-eabi-gcc', [...flags, ...target, PROGRAM, '-o', output]);
  return readFileSync(output);
}

function buildInitrd(packages, linux, program) {
  const tree = dirname(dirname(linux.modules));
  return gzipSync(
    buildInitramfs({
      busybox: join(packages.fetch('busybox-static'), 'bin/busybox'),
      // The CPUs here have none of the instructions that these modules are for.
      modules: moduleOrder(tree, linux.release, MODULES).filter((path) => !path.includes('-arm-ce')),
      init: FIRST_PROCESS,
      programs: [['device-io', program]],
    }),
  );
}

/** A saved machine fits the armemu that saved it, so the built package is part of its identity. */
function identityOf(repository, linuxes) {
  const hash = createHash('sha256').update(JSON.stringify([SAVED_GUESTS, MODULES, PLAIN_SHELL, EMPTY_LOG]));
  for (const linux of linuxes) hash.update(linux.release);
  for (const file of [PROGRAM, FIRST_PROCESS]) hash.update(readFileSync(file));
  const dist = join(repository, 'dist');
  for (const name of readdirSync(dist, { recursive: true }).sort()) {
    if (name.endsWith('.js')) hash.update(name).update(readFileSync(join(dist, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

async function bootAndSave(repository, { machine: name, append }, linux, initrd) {
  const { createMachine } = await import(join(repository, 'dist/index.js'));
  const machine = await createMachine({
    machine: name,
    memory: '256M',
    kernel: { name: linux.kernel, bytes: readFileSync(linux.kernel) },
    initrd: { name: 'initrd', bytes: initrd },
    append: `console=ttyAMA0 quiet ${append}`,
  });
  try {
    await machine.start();
    await machine.serial.expect(/guest: ready[\s\S]*guest# /, { timeout: '900s' });
    machine.serial.write(PLAIN_SHELL);
    await machine.serial.expect(/done\r\n/, { timeout: '300s' });
    machine.serial.write(EMPTY_LOG);
    await machine.serial.expect(/plain-shell\r\n/, { timeout: '300s' });
    machine.pause();
    return await machine.save();
  } finally {
    await machine.stop();
  }
}

/**
 * Debian's kernels, booted here on boards without a PCI function and saved at a shell: booting them in the VM would take
 * far longer.
 * @param {{ repository: string, progress: (line: string) => void }} options the package is built
 * @returns {Promise<string[]>} paths of the saved machines, `NAME.snapshot` for each of SAVED_GUESTS
 */
export async function prepareSavedDebian({ repository, progress }) {
  const guests = process.env.ARMEMU_GUESTS ?? join(repository, '.cache/guests');
  mkdirSync(guests, { recursive: true });
  const packages = new ArmhfPackages(guests, progress);
  const flavours = [...new Set(Object.values(SAVED_GUESTS).map(({ flavour }) => flavour))];
  const linuxes = new Map(flavours.map((flavour) => [flavour, prepareLinux(packages, flavour)]));
  const directory = join(
    repository,
    '.cache/vfio-vm',
    `debian-${identityOf(repository, [...linuxes.values()])}`,
  );
  mkdirSync(directory, { recursive: true });
  const paths = [];
  for (const [name, guest] of Object.entries(SAVED_GUESTS)) {
    const path = join(directory, `${name}.snapshot`);
    paths.push(path);
    if (existsSync(path)) continue;
    const linux = linuxes.get(guest.flavour);
    progress(`saved Debian: booting ${linux.release} on ${guest.machine}`);
    const initrd = buildInitrd(packages, linux, buildProgram(directory));
    const snapshot = await bootAndSave(repository, guest, linux, initrd);
    writeFileSync(`${path}.part`, snapshot);
    renameSync(`${path}.part`, path);
    progress(`saved Debian: ${path}, ${(snapshot.length / 2 ** 20).toFixed(1)} MiB`);
  }
  return paths;
}
