// Several CPUs, an idle machine, and the GICv3, as Debian's kernel sees them.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDisk } from '../../dist/host/index.js';
import { GuestShell, linuxImages, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';

const LINUX = { append: 'console=ttyAMA0 quiet', memory: '256M' };

async function bootToShell(t, options) {
  const machine = await startMachine(t, { machine: 'virt', ...linuxImages(), ...LINUX, ...options });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  return machine;
}

/** Interrupts of one kind by CPU, from /proc/interrupts. */
function countsOf(interrupts, pattern) {
  const line = interrupts.split('\n').find((text) => pattern.test(text));
  assert.ok(line, `${pattern} is in:\n${interrupts}`);
  return line
    .split(/\s+/)
    .filter((field) => /^\d+$/.test(field))
    .map(Number);
}

test('four CPUs cost at most 1.3 times the instructions of one, up to the shell', async (t) => {
  const instructions = [];
  for (const smp of [1, 4]) {
    const machine = await bootToShell(t, { smp, clock: 'instructions' });
    instructions.push(machine.instructions);
    const shell = new GuestShell(machine.serial);
    assert.equal(await shell.run('grep -c ^processor /proc/cpuinfo'), `${smp}\n`);
    if (smp > 1) {
      const interrupts = await shell.run('cat /proc/interrupts');
      for (const pattern of [/arch_timer/, /^IPI\d+:.*(Function call|Rescheduling)/]) {
        const counts = countsOf(interrupts, pattern).slice(0, smp);
        assert.ok(counts.filter((count) => count > 0).length >= 2, `${pattern}: ${counts}`);
      }
    }
    await machine.stop();
  }
  const ratio = instructions[1] / instructions[0];
  console.log(`instructions to the shell: ${instructions.join(' and ')}, ratio ${ratio.toFixed(3)}`);
  assert.ok(ratio <= 1.3, `ratio ${ratio}`);
});

test('an idle Linux uses at most 3 % of one core', async (t) => {
  const machine = await bootToShell(t, { clock: 'host' });
  // The kernel's work after a boot comes to its end. What V8 has still to compile of it falls into a window when the host comes to it.
  await sleep(10_000);
  const shares = [];
  for (let window = 0; window < 3; window++) {
    const before = process.cpuUsage();
    const started = performance.now();
    await sleep(10_000);
    const { user, system } = process.cpuUsage(before);
    shares.push((user + system) / 1000 / (performance.now() - started));
  }
  const median = shares.sort((a, b) => a - b)[1];
  console.log(`idle: ${shares.map((share) => `${(share * 100).toFixed(2)} %`).join(', ')} of a core`);
  assert.ok(median <= 0.03, `${median}`);
  await machine.stop();
});

test('Linux runs with a GICv3, and takes the MSIs of virtio-pci by its ITS: gic-version=3', async (t) => {
  const path = join(scratchDirectory(t), 'disk.raw');
  const content = randomBytes(2 ** 20);
  writeFileSync(path, content);
  const machine = await bootToShell(t, {
    machine: 'virt,gic-version=3',
    smp: 2,
    clock: 'instructions',
    disks: [{ disk: await openDisk(path, { format: 'raw' }), bus: 'pci' }],
  });
  const shell = new GuestShell(machine.serial);
  const log = await shell.run('dmesg');
  assert.match(log, /GICv3: 256 SPIs implemented/);
  assert.match(log, /GICv3: CPU1: found redistributor 1/);
  assert.match(log, /ITS@0x08080000: allocated .* Devices .*indirect/);
  assert.doesNotMatch(log, /ITS.*(fail|error|timeout)/);
  const interrupts = await shell.run('cat /proc/interrupts');
  const ticks = countsOf(interrupts, /GICv3.*arch_timer/).slice(0, 2);
  assert.ok(
    ticks.every((count) => count > 0),
    `timer interrupts of each CPU: ${ticks}`,
  );
  const sum = await shell.run('sha256sum /dev/vda');
  assert.equal(sum.split(' ')[0], createHash('sha256').update(content).digest('hex'));
  const messages = countsOf(await shell.run('cat /proc/interrupts'), /ITS-MSI.*virtio\d+-req/);
  assert.ok(
    messages.some((count) => count > 0),
    `MSIs of the disk's queue: ${messages}`,
  );
  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
});

test('reboot resets the machine', async (t) => {
  const machine = await bootToShell(t, { clock: 'instructions' });
  machine.serial.write('reboot -f\n');
  assert.deepEqual(await machine.exited, { reason: 'reset', code: 0 });
});
