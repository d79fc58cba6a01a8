// A Linux guest that is saved and restored.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createMachine } from '../../dist/index.js';
import { guestPath, PATIENCE, startMachine } from './guests.mjs';

const tree = guestPath('linux-image-armmp');
const kernel = `${tree}/boot/${readdirSync(`${tree}/boot`).find((name) => name.startsWith('vmlinuz-'))}`;
const OPTIONS = {
  memory: '512M',
  kernel: { name: kernel, bytes: readFileSync(kernel) },
  initrd: { name: 'initrd', bytes: readFileSync(`${tree}/initrd.gz`) },
  append: 'console=ttyAMA0 quiet',
};
/** Works on memory, timers and the file system, and prints what came of it; then the guest switches itself off. */
const WORK =
  'for i in 1 2 3; do cat /proc/interrupts /proc/meminfo | md5sum; dd if=/dev/urandom bs=1k count=64 2>/dev/null | md5sum; ' +
  'sleep 0.1; cat /proc/uptime; done; poweroff -f\n';

/** @returns {Promise<object>} everything that a machine shows from now to its end */
async function continuation(machine) {
  let output = '';
  const decoder = new TextDecoder();
  machine.serial.onData((bytes) => {
    output += decoder.decode(bytes, { stream: true });
  });
  await machine.start();
  const exit = await machine.exited;
  return { output, exit, instructions: machine.instructions };
}

for (const smp of [1, 2]) {
  test(`a saved Linux restored three times gives three times the same continuation, smp ${smp}`, async (t) => {
    const machine = await startMachine(t, { ...OPTIONS, smp, clock: 'instructions' });
    await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
    machine.pause();
    machine.serial.write(WORK);
    const snapshot = await machine.save();
    await machine.stop();
    const all = [];
    for (let i = 0; i < 3; i++) all.push(await continuation(await createMachine({ restore: snapshot })));
    assert.match(all[0].output, /[0-9a-f]{32}/);
    assert.equal(all[0].exit.reason, 'poweroff');
    assert.deepEqual(all[1], all[0]);
    assert.deepEqual(all[2], all[0]);
  });
}

test('a restored Linux of 512 MiB answers at once', async (t) => {
  const machine = await startMachine(t, OPTIONS);
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  // Something in memory that does not compress away.
  machine.serial.write("dd if=/dev/urandom of=/tmp/data bs=1M count=150 2>/dev/null; echo fil''led\n");
  await machine.serial.expect(/filled/, { timeout: PATIENCE });
  let before = performance.now();
  const snapshot = await machine.save();
  t.diagnostic(
    `saved ${(snapshot.length / 2 ** 20).toFixed(0)} MiB in ${Math.round(performance.now() - before)} ms`,
  );
  await machine.stop();
  before = performance.now();
  const restored = await createMachine({ restore: snapshot });
  t.diagnostic(`restored in ${Math.round(performance.now() - before)} ms`);
  t.after(() => restored.stop());
  await restored.start();
  restored.serial.write("md5sum /tmp/data; uname -m; echo do''ne\n");
  await restored.serial.expect(/armv7l[\s\S]*done/, { timeout: PATIENCE });
});
