// What Linux writes to virtio disks is in their files: raw and qcow2, on virtio-mmio and virtio-pci.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDisk, openShare } from '../../dist/host/index.js';
import { GuestShell, linuxGuest, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';

const MIB = 2 ** 20;
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

test('Linux reads and writes raw and qcow2 disks on both buses, and what it wrote is in the files', async (t) => {
  const folder = scratchDirectory(t);
  const at = (name) => join(folder, name);
  const contents = randomBytes(4 * MIB);
  writeFileSync(at('base.raw'), contents);
  writeFileSync(at('disk.raw'), contents);
  execFileSync(
    'qemu-img',
    ['create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'disk.qcow2', '8M'],
    {
      cwd: folder,
    },
  );
  mkdirSync(at('shared'));
  writeFileSync(at('shared/from-host'), 'hello guest\n');
  const { kernel, initrd } = linuxGuest('armmp');
  const machine = await startMachine(t, {
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: 'console=ttyAMA0 quiet',
    disks: [
      { disk: await openDisk(at('disk.raw'), { format: 'raw' }), serial: 'raw-mmio' },
      { disk: await openDisk(at('disk.qcow2')), bus: 'pci', serial: 'qcow2-pci', queues: 2 },
      { disk: await openDisk(at('base.raw'), { format: 'raw', readOnly: true }), serial: 'read-only' },
    ],
    shares: [{ share: openShare(at('shared'), false), tag: 'host' }],
    rng: true,
    virtioConsole: true,
  });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  const shell = new GuestShell(machine.serial);
  const names = new Map();
  for (const name of ['vda', 'vdb', 'vdc'])
    names.set((await shell.run(`cat /sys/block/${name}/serial`)).trim(), name);
  assert.deepEqual([...names.keys()].sort(), ['qcow2-pci', 'raw-mmio', 'read-only']);
  const device = (serial) => `/dev/${names.get(serial)}`;

  for (const serial of ['raw-mmio', 'qcow2-pci']) {
    const name = device(serial);
    assert.match(await shell.run(`head -c ${4 * MIB} ${name} | sha256sum`), new RegExp(`^${hash(contents)}`));
    await shell.run(`dd if=${name} of=${name} bs=64k count=8 skip=0 seek=24 conv=notrunc,fsync`);
    await shell.run(`echo kept-${serial} | dd of=${name} bs=512 seek=7 conv=notrunc,fsync`);
  }
  assert.notEqual((await shell.attempt(`dd if=/dev/zero of=${device('read-only')} bs=512 count=1`)).code, 0);
  assert.equal((await shell.run('cat /sys/class/misc/hw_random/rng_current')).trim(), 'virtio_rng.0');
  assert.equal((await shell.run('head -c 64 /dev/hwrng | wc -c')).trim(), '64');

  await shell.run('mkdir /mnt && mount -t 9p -o trans=virtio,version=9p2000.L host /mnt');
  assert.equal(await shell.run('cat /mnt/from-host'), 'hello guest\n');
  await shell.run('mkdir /mnt/box && dd if=/dev/urandom of=/mnt/box/data bs=64k count=16 && sync');
  const sum = (await shell.run('sha256sum < /mnt/box/data')).slice(0, 64);
  assert.equal(hash(readFileSync(at('shared/box/data'))), sum, 'a file that the guest wrote');
  await shell.run(
    'mv /mnt/box/data /mnt/moved && rmdir /mnt/box && ln -s / /mnt/link; test ! -e /mnt/link && umount /mnt',
  );
  assert.equal(hash(readFileSync(at('shared/moved'))), sum);

  const heard = machine.virtioConsole.expect(/hello from hvc0/, { timeout: PATIENCE });
  await shell.run('echo hello from hvc0 > /dev/hvc0');
  await heard;
  machine.virtioConsole.write('and back\n');
  assert.match(await shell.run('head -n 1 /dev/hvc0'), /and back/);

  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });

  assert.match(
    execFileSync('qemu-img', ['check', at('disk.qcow2')], { encoding: 'utf8' }),
    /No errors were found/,
  );
  execFileSync('qemu-img', ['convert', '-O', 'raw', at('disk.qcow2'), at('out.raw')]);
  for (const [file, serial] of [
    ['disk.raw', 'raw-mmio'],
    ['out.raw', 'qcow2-pci'],
  ]) {
    const expected = Buffer.from(contents);
    contents.copy(expected, 24 * 65_536, 0, 8 * 65_536);
    expected.write(`kept-${serial}\n`, 7 * 512);
    assert.equal(Buffer.compare(readFileSync(at(file)).subarray(0, 4 * MIB), expected), 0, file);
  }
  assert.equal(Buffer.compare(readFileSync(at('base.raw')), contents), 0, 'the backing file');
});
