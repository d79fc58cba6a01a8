// The first question's board, once: Debian's kernel on two Cortex-A9, with the tree that the board makes.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDisk } from '../../dist/host/index.js';
import { GuestShell, linuxGuest, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';
import { partitionTable } from './vexpress-boots.mjs';

const MIB = 2 ** 20;

/** An SD card with two partitions of 1 MiB: the first has random bytes, the second none. */
function twoPartitions(t) {
  const path = join(scratchDirectory(t), 'card.img');
  const data = randomBytes(MIB);
  const parts = [MIB, 2 * MIB].map((offset) => ({ offset, size: MIB }));
  const table = partitionTable(parts);
  writeFileSync(path, Buffer.concat([table, Buffer.alloc(MIB - table.length), data, Buffer.alloc(2 * MIB)]));
  return { path, data, readSecond: () => readFileSync(path).subarray(2 * MIB, 3 * MIB) };
}

test("Debian's kernel on vexpress-a9 starts its second CPU, claims PCI and the SD card, and switches off", async (t) => {
  const { kernel, vexpressInitrd: initrd } = linuxGuest('armmp');
  const card = twoPartitions(t);
  const machine = await startMachine(t, {
    machine: 'vexpress-a9',
    clock: 'instructions',
    smp: 2,
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: 'console=ttyAMA0,38400n8 quiet',
    sd: await openDisk(card.path, { format: 'raw' }),
  });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  const shell = new GuestShell(machine.serial);
  const cpu = await shell.run('cat /proc/cpuinfo');
  assert.equal(cpu.match(/^CPU part\s*: 0xc09$/gm)?.length, 2);
  assert.match(cpu, /^Hardware\s*: ARM-Versatile Express$/m);
  assert.match(await shell.run('cat /proc/iomem'), /^a0000000-defeffff : pcie@a0000000$/m);
  await shell.run('until [ -b /dev/mmcblk0p2 ]; do sleep 0.1; done');
  const sum = createHash('sha256').update(card.data).digest('hex');
  assert.equal((await shell.run('sha256sum /dev/mmcblk0p1')).split(' ')[0], sum);
  await shell.run('dd if=/dev/mmcblk0p1 of=/dev/mmcblk0p2 bs=64k 2>&1; sync');
  assert.doesNotMatch(
    await shell.run('dmesg'),
    /Oops|BUG:|WARNING:|Unhandled|undefined instruction|I\/O error/i,
  );
  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
  assert.ok(card.readSecond().equals(card.data));
});
