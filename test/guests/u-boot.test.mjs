// Debian's U-Boot 2023.01 for QEMU's virt: a session at its prompt gives what it gives there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userNetwork } from '../../dist/host/index.js';
import { openDisk } from '../../dist/host/open-disk.js';
import { guestPath, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';

const U_BOOT = 'u-boot-qemu/usr/lib/u-boot/qemu_arm/u-boot.bin';
const PROMPT = /\n=> $/;

/** 2023-11-14 22:13:20 UTC. */
const NOW = 1_700_000_000;

/** Boots to the prompt. @returns what runs a command there and gives what it printed. */
async function uBoot(t, options = {}) {
  const path = guestPath(U_BOOT);
  const machine = await startMachine(t, {
    machine: 'virt',
    memory: '256M',
    // One guest of CI's is left to the interpreter.
    engine: 'interpreter',
    bios: { name: path, bytes: readFileSync(path) },
    wallClock: { unixSeconds: () => NOW },
    ...options,
  });
  await machine.serial.expect(/Hit any key to stop autoboot/, { timeout: PATIENCE });
  machine.serial.write('\r');
  const shell = async (command) => {
    machine.serial.write(`${command}\r`);
    // The echo of the line comes first.
    const escaped = command.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const answer = new RegExp(`${escaped}\\r?\\n[\\s\\S]*?=> $`);
    const [text] = await machine.serial.expect(answer, { timeout: PATIENCE });
    return text
      .replaceAll('\r', '')
      .replace(/^[^\n]*\n/, '')
      .replace(/=> $/, '');
  };
  await machine.serial.expect(PROMPT, { timeout: PATIENCE });
  return { machine, shell };
}

test('U-Boot reports the board as on QEMU', async (t) => {
  const { machine, shell } = await uBoot(t);
  assert.match(await shell('version'), /^U-Boot 2023\.01/);

  const board = await shell('bdinfo');
  assert.match(board, /-> start {4}= 0x40000000\n-> size {5}= 0x10000000\n/);
  assert.match(board, /flashstart {2}= 0x00000000\nflashsize {3}= 0x04000000\n/);
  // As large as QEMU makes it.
  assert.match(board, /fdt_size {4}= 0x00100000\n/);

  assert.match(await shell('pci'), /^00\.00\.00 {3}0x1b36 {5}0x0008 {5}Bridge device {11}0x00$/m);
  assert.match(await shell('date'), /^Date: 2023-11-14 \(Tuesday\) {4}Time: 22:1[3-9]:\d\d$/m);

  const flash = await shell('flinfo');
  assert.match(flash, /^Bank # 1: CFI conformant flash \(16 x 16\) {2}Size: 32 MB in 256 Sectors$/m);
  assert.match(flash, /Intel Extended command set, Manufacturer ID: 0x89, Device ID: 0x0018/);
  assert.match(flash, /buffer size: 2048 bytes/);

  machine.serial.write('poweroff\r');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
});

test('U-Boot sees the flash in the modes that its commands select', async (t) => {
  const { machine, shell } = await uBoot(t);
  const words = async (command) => {
    await shell(`mw.l 0x04000000 0x00${command}00${command}`);
    const [, first] = /^04000000: (\w{8} \w{8})/m.exec(await shell('md.l 0x04000000 4'));
    return first;
  };
  assert.equal(await words('90'), '00890089 00180018');
  assert.equal(await words('70'), '00800080 00800080');
  assert.equal(await words('ff'), '00000000 00000000');
  await shell('mw.l 0x04000000 0x00980098');
  // Word addresses 0x10 to 0x12: QRY.
  assert.match(await shell('md.l 0x04000040 4'), /^04000040: 00510051 00520052 00590059 /m);
  machine.serial.write('poweroff\r');
  await machine.exited;
});

test('U-Boot finds the CPUs and the kernel of --kernel by fw_cfg', async (t) => {
  const kernel = new TextEncoder().encode('no kernel, but some bytes');
  const { machine, shell } = await uBoot(t, { smp: 3, kernel });
  assert.match(await shell('qfw cpus'), /^3 cpu\(s\) online$/m);
  assert.match(await shell('qfw list'), /etc\/boot-fail-wait/);
  assert.match(await shell('qfw load 0x41000000 0x42000000'), /loading kernel to address 41000000 size 19/);
  assert.match(await shell('md.b 0x41000000 10'), /^41000000: 6e 6f 20 6b 65 72 6e 65 6c 2c /m);
  machine.serial.write('reset\r');
  assert.deepEqual(await machine.exited, { reason: 'reset', code: 0 });
});

const SECTOR = 512;
const FIRST_SECTOR = 2048;

/** A disk with one ext4 partition, and in it Debian's kernel and an initial RAM disk. */
function linuxDisk(t) {
  const directory = scratchDirectory(t);
  const tree = guestPath('linux-image-armmp');
  const kernel = readdirSync(`${tree}/boot`).find((name) => name.startsWith('vmlinuz-'));
  mkdirSync(join(directory, 'root'));
  copyFileSync(`${tree}/boot/${kernel}`, join(directory, 'root/vmlinuz'));
  copyFileSync(`${tree}/initrd.gz`, join(directory, 'root/initrd.gz'));
  const partition = join(directory, 'partition');
  const made = spawnSync('/sbin/mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-d',
    join(directory, 'root'),
    partition,
    '48M',
  ]);
  assert.equal(made.status, 0, `mke2fs: ${made.error ?? made.stderr}; remedy: apt-get install e2fsprogs`);
  const bytes = readFileSync(partition);
  const table = Buffer.alloc(FIRST_SECTOR * SECTOR);
  // Master boot record: one bootable Linux partition.
  table.set([0x80, 0, 0, 0, 0x83], 446);
  table.writeUInt32LE(FIRST_SECTOR, 454);
  table.writeUInt32LE(bytes.length / SECTOR, 458);
  table.set([0x55, 0xaa], 510);
  const disk = join(directory, 'disk.img');
  writeFileSync(disk, Buffer.concat([table, bytes]));
  return disk;
}

for (const bus of ['mmio', 'pci']) {
  test(`U-Boot loads Linux from a disk on virtio-${bus} and starts it`, async (t) => {
    const disk = await openDisk(linuxDisk(t));
    const { machine, shell } = await uBoot(t, { disks: [{ disk, bus }] });
    await shell('virtio scan');
    assert.match(await shell('virtio info'), /Capacity: 49\.0 MB = 0\.0 GB \(100352 x 512\)/);
    assert.match(await shell('virtio part'), /^ {2}1\s+2048\s+98304\s.*83 Boot$/m);
    assert.match(await shell('ext4load virtio 0:1 0x41000000 vmlinuz'), /^\d{7} bytes read/m);
    assert.match(await shell('ext4load virtio 0:1 0x44000000 initrd.gz'), /^\d+ bytes read/m);
    await shell('setenv bootargs console=ttyAMA0 earlycon=pl011,0x9000000 from-u-boot');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of U-Boot
    machine.serial.write('bootz 0x41000000 0x44000000:${filesize} ${fdtcontroladdr}\r');
    await machine.serial.expect(/Starting kernel/, { timeout: PATIENCE });
    await machine.serial.expect(/Kernel command line: .*from-u-boot/, { timeout: PATIENCE });
  });
}

test('U-Boot gets its address by DHCP from the user network, and its gateway answers', async (t) => {
  const { machine, shell } = await uBoot(t, { nics: [{ network: userNetwork() }] });
  await shell('setenv autoload no');
  const answer = await shell('dhcp');
  assert.match(answer, /DHCP client bound to address 10\.0\.2\.15/);
  assert.match(await shell('ping 10.0.2.2'), /host 10\.0\.2\.2 is alive/);
  assert.match(await shell('printenv gatewayip dnsip'), /^gatewayip=10\.0\.2\.2\ndnsip=10\.0\.2\.3$/m);
  machine.serial.write('poweroff\r');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
});
