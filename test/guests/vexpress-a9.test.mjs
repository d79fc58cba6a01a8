// The first question's board, once: Debian's kernel on two Cortex-A9, with the tree that the board makes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { GuestShell, linuxGuest, PATIENCE, startMachine } from './guests.mjs';

test("Debian's kernel on vexpress-a9 starts its second CPU, claims the PCI host bridge, and switches off", async (t) => {
  const { kernel, initrd } = linuxGuest('armmp');
  const machine = await startMachine(t, {
    machine: 'vexpress-a9',
    engine: 'wasm',
    clock: 'instructions',
    smp: 2,
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: 'console=ttyAMA0,38400n8 quiet',
  });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  const shell = new GuestShell(machine.serial);
  const cpu = await shell.run('cat /proc/cpuinfo');
  assert.equal(cpu.match(/^CPU part\s*: 0xc09$/gm)?.length, 2);
  assert.match(cpu, /^Hardware\s*: ARM-Versatile Express$/m);
  assert.match(await shell.run('cat /proc/iomem'), /^a0000000-defeffff : pcie@a0000000$/m);
  assert.doesNotMatch(await shell.run('dmesg'), /Oops|BUG:|WARNING:|Unhandled|undefined instruction/i);
  machine.serial.write('poweroff -f\n');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
});
