import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArmhfPackages } from '../../guests/builder/armhf-packages.mjs';
import { prepareLinux } from '../../guests/builder/linux.mjs';

/** The drivers of the devices that the guest finds after it was restored; the kernel itself has the SMMU's. */
const MODULES = ['nvme', 'e1000e', 'af_packet'];
const SNAPSHOT = 'debian.snapshot';

/** A saved machine fits the armemu that saved it, so the built package is part of its identity. */
function identityOf(repository, linux) {
  const hash = createHash('sha256').update(linux.release).update(readFileSync(linux.initrd));
  const dist = join(repository, 'dist');
  for (const name of readdirSync(dist, { recursive: true }).sort()) {
    if (name.endsWith('.js')) hash.update(name).update(readFileSync(join(dist, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Debian's armmp-lpae kernel, booted here on a board with an SMMU and no PCI function, saved at its shell: booting it in
 * the VM would take far longer.
 * @param {{ repository: string, progress: (line: string) => void }} options the package is built
 * @returns {Promise<string>} path of the saved machine
 */
export async function prepareSavedDebian({ repository, progress }) {
  const guests = process.env.ARMEMU_GUESTS ?? join(repository, '.cache/guests');
  mkdirSync(guests, { recursive: true });
  const packages = new ArmhfPackages(guests, progress);
  const linux = prepareLinux(packages, 'armmp-lpae', { modules: MODULES, initrd: 'passthrough.gz' });
  const directory = join(repository, '.cache/vfio-vm', `debian-${identityOf(repository, linux)}`);
  const path = join(directory, SNAPSHOT);
  if (existsSync(path)) {
    progress(`saved Debian: ${path} (cached)`);
    return path;
  }
  progress(`saved Debian: booting ${linux.release}`);
  const { createMachine } = await import(join(repository, 'dist/index.js'));
  const machine = await createMachine({
    machine: 'virt,iommu=smmuv2',
    memory: '256M',
    kernel: { name: linux.kernel, bytes: readFileSync(linux.kernel) },
    initrd: { name: linux.initrd, bytes: readFileSync(linux.initrd) },
    append: 'console=ttyAMA0 quiet',
  });
  try {
    await machine.start();
    await machine.serial.expect(/guest: ready[\s\S]*guest# /, { timeout: '900s' });
    machine.pause();
    const snapshot = await machine.save();
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${path}.part`, snapshot);
    renameSync(`${path}.part`, path);
    progress(`saved Debian: ${path}, ${(snapshot.length / 2 ** 20).toFixed(1)} MiB`);
  } finally {
    await machine.stop();
  }
  return path;
}
