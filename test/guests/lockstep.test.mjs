// Both engines run Linux in lockstep: the first instruction after which they differ ends the machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linuxImages, startMachine } from './guests.mjs';

for (const [smp, gicVersion] of [
  [1, 2],
  [2, 3],
]) {
  test(`Linux boots, computes and ends in lockstep: ${smp} CPU, GICv${gicVersion}`, async (t) => {
    const machine = await startMachine(t, {
      machine: 'virt',
      gicVersion,
      smp,
      memory: '128M',
      engine: 'lockstep',
      append: 'console=ttyAMA0 printk.time=1',
      ...linuxImages(),
    });
    let output = '';
    const decoder = new TextDecoder();
    machine.serial.onData((bytes) => {
      output += decoder.decode(bytes, { stream: true });
    });
    const commands = [
      'head -c 1000000 /dev/zero | sha256sum & head -c 1000000 /dev/zero | md5sum; wait',
      'ls -lR /proc/sys | wc; cat /proc/interrupts',
      'poweroff -f',
    ];
    for (const command of commands) machine.serial.answer(/guest# $/, `${command}\n`);
    assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
    assert.match(output, /[0-9a-f]{64} {2}-/, 'the commands ran');
  });
}
