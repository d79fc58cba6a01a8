// Debian's U-Boot 2023.01 for QEMU's virt: a session at its prompt gives what it gives there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { guestPath, PATIENCE, startMachine } from './guests.mjs';

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
