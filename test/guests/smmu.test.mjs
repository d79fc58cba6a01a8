// Debian's own arm-smmu driver puts virtio-pci behind the emulated SMMUv2.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDisk } from '../../dist/host/index.js';
import { GuestShell, linuxGuest, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';
import { stockTree } from './vexpress-facts.mjs';

const DISK_BYTES = 4 * 2 ** 20;

async function bootWithDisk(t, flavour, { board = 'virt', tree = 'own' } = {}) {
  const path = join(scratchDirectory(t), 'disk.raw');
  const content = randomBytes(DISK_BYTES);
  writeFileSync(path, content);
  const { kernel, initrd, release } = linuxGuest(flavour);
  const dtb = tree === 'stock' ? stockTree(board, release, flavour) : undefined;
  const machine = await startMachine(t, {
    machine: `${board},iommu=smmuv2`,
    clock: 'instructions',
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    ...(dtb && { dtb: { name: dtb, bytes: readFileSync(dtb) } }),
    append: 'console=ttyAMA0 quiet',
    disks: [{ disk: await openDisk(path, { format: 'raw' }), bus: 'pci' }],
  });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  const shell = new GuestShell(machine.serial);
  // A kernel without a driver for the SMMU waits for one, ten seconds or so, before it drives what is behind it.
  await shell.run('for i in $(seq 60); do [ -b /dev/vda ] && break; sleep 1; done');
  const sum = (await shell.run('sha256sum /dev/vda')).split(' ')[0];
  assert.equal(sum, createHash('sha256').update(content).digest('hex'));
  return { machine, shell, path };
}

for (const [board, tree, smmu] of [
  ['virt', 'own', '9050000'],
  ['vexpress-a15', 'own', '2f000000'],
  ['vexpress-a15', 'stock', '2f000000'],
]) {
  test(`armmp-lpae on ${board} with the ${tree} tree: the disk is in an IOMMU group, its DMA and MSIs pass the SMMU, and nothing faults`, async (t) => {
    const { machine, shell, path } = await bootWithDisk(t, 'armmp-lpae', { board, tree });
    const log = await shell.run('dmesg');
    assert.ok(log.includes(`arm-smmu ${smmu}.iommu: SMMUv2 with:`));
    assert.match(log, /virtio-pci 0000:00:01\.0: Adding to iommu group 0/);
    assert.doesNotMatch(log, /arm-smmu.*(fault|timed out|error)/i);
    assert.equal(await shell.run('ls /sys/kernel/iommu_groups/0/devices'), '0000:00:01.0\n');
    assert.match(await shell.run('cat /proc/interrupts'), /^ *\d+: +[1-9]\d* +MSI .*virtio0-req/m);
    await shell.run(`tr '\\0' a < /dev/zero | head -c ${DISK_BYTES} > /dev/vda; sync`);
    machine.serial.write('poweroff -f\n');
    assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
    assert.ok(readFileSync(path).equals(Buffer.alloc(DISK_BYTES, 'a')));
  });
}

test('armmp, which has no driver for the SMMU, uses the disk through its bypass', async (t) => {
  const { machine, shell } = await bootWithDisk(t, 'armmp');
  assert.doesNotMatch(await shell.run('dmesg'), /arm-smmu/);
  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
});

test('armmp-lpae, saved without a PCI function, finds a disk in the slot that was empty, and puts it behind the SMMU', async (t) => {
  const MIB = 2 ** 20;
  const half = randomBytes(64 * MIB);
  const path = join(scratchDirectory(t), 'disk.raw');
  writeFileSync(path, half);
  truncateSync(path, 2 * half.length);
  const { kernel, initrd } = linuxGuest('armmp-lpae');
  const saved = await startMachine(t, {
    machine: 'virt,iommu=smmuv2',
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: 'console=ttyAMA0 quiet',
  });
  await saved.serial.expect(/guest: ready[\s\S]*guest# /, { timeout: PATIENCE });
  saved.pause();
  const snapshot = await saved.save();
  await saved.stop();

  const disk = await openDisk(path, { format: 'raw' });
  const machine = await startMachine(t, { restore: snapshot, disks: [{ disk, bus: 'pci' }] });
  const shell = new GuestShell(machine.serial);
  await shell.run('echo 1 > /sys/bus/pci/rescan');
  await shell.run('for i in $(seq 60); do [ -b /dev/vda ] && break; sleep 1; done');
  assert.equal(await shell.run('ls /sys/kernel/iommu_groups/0/devices'), '0000:00:01.0\n');
  const wanted = createHash('md5').update(half).digest('hex');
  const sum = async (skip) =>
    (await shell.run(`dd if=/dev/vda bs=1M skip=${skip} count=64 2>/dev/null | md5sum`)).split(' ')[0];
  assert.equal(await sum(0), wanted);
  await shell.run('dd if=/dev/vda of=/dev/vda bs=1M count=64 seek=64 2>/dev/null && sync');
  await shell.run('echo 3 > /proc/sys/vm/drop_caches');
  assert.equal(await sum(64), wanted);
  assert.doesNotMatch(await shell.run('dmesg'), /arm-smmu.*(fault|timed out|error)|I\/O error/i);
  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
  assert.ok(readFileSync(path).subarray(half.length).equals(half));
});
