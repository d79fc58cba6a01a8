// With the counting clock a run is the same each time: what the guest prints, and when, to the instruction.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linuxImages, startMachine } from './guests.mjs';

/**
 * Boots Linux with two CPUs, has it compute, sleep and tell the time, and switches it off.
 * @param {number} disturbance milliseconds between two pauses of the machine, to have the host in another place each time
 * @param {'wasm' | 'interpreter'} engine
 */
async function boot(t, disturbance, engine) {
  const machine = await startMachine(t, {
    machine: 'virt',
    smp: 2,
    memory: '256M',
    clock: 'instructions',
    engine,
    append: 'console=ttyAMA0 printk.time=1',
    ...linuxImages(),
  });
  let output = '';
  const decoder = new TextDecoder();
  machine.serial.onData((bytes) => {
    output += decoder.decode(bytes, { stream: true });
  });
  const commands = [
    'dmesg | tail -n 5',
    'cat /proc/uptime /proc/interrupts',
    'for i in 1 2 3; do sleep 0.3 & done; wait; cat /proc/uptime',
    'head -c 1000000 /dev/zero | sha256sum & head -c 1000000 /dev/zero | md5sum; wait',
    'cat /proc/uptime /proc/schedstat',
    'poweroff -f',
  ];
  for (const command of commands) machine.serial.answer(/guest# $/, `${command}\n`);
  const timer = setInterval(() => {
    machine.pause();
    setTimeout(() => machine.resume(), 1);
  }, disturbance);
  t.after(() => clearInterval(timer));
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
  clearInterval(timer);
  return { output, instructions: machine.instructions };
}

test('the same machine prints the same at the same times, and ends at the same instruction, in each engine', async (t) => {
  const first = await boot(t, 97, 'wasm');
  assert.match(first.output, /[0-9a-f]{64} {2}-/, 'the commands ran');
  for (const again of [await boot(t, 1013, 'wasm'), await boot(t, 397, 'interpreter')]) {
    assert.equal(again.output, first.output);
    assert.equal(again.instructions, first.instructions);
  }
});
