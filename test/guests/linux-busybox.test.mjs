// Debian's kernels with a busybox initramfs, up to a shell, as a person would use them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CommandSession, GuestShell, linuxGuest, PATIENCE, startMachine } from './guests.mjs';

for (const flavour of ['armmp', 'armmp-lpae']) {
  test(`Debian's ${flavour} kernel reports the machine that it was given`, async (t) => {
    const { kernel, initrd, release } = linuxGuest(flavour);
    const machine = await startMachine(t, {
      machine: 'virt',
      memory: '256M',
      kernel: { name: kernel, bytes: readFileSync(kernel) },
      initrd: { name: initrd, bytes: readFileSync(initrd) },
      append: 'console=ttyAMA0 quiet',
    });
    await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
    const shell = new GuestShell(machine.serial);
    assert.equal(await shell.run('uname -rm'), `${release} armv7l\n`);

    const cpu = await shell.run('cat /proc/cpuinfo');
    assert.match(cpu, /^CPU part\s*: 0xc0f$/m);
    assert.match(cpu, /^CPU architecture: 7$/m);
    for (const feature of [
      'half',
      'thumb',
      'vfp',
      'edsp',
      'neon',
      'vfpv3',
      'vfpv4',
      'idiva',
      'idivt',
      'lpae',
    ]) {
      assert.match(cpu, new RegExp(`^Features.* ${feature}( |$)`, 'm'));
    }
    const memory = Number(/MemTotal:\s+(\d+) kB/.exec(await shell.run('cat /proc/meminfo'))[1]);
    assert.ok(memory > 180_000 && memory < 262_144, `${memory} kB`);

    const ticks = async () =>
      Number(/^\s*\d+:\s+(\d+).*arch_timer/m.exec(await shell.run('cat /proc/interrupts'))[1]);
    const first = await ticks();
    await shell.run('sleep 1');
    assert.ok((await ticks()) > first, 'timer interrupts come');

    // Kernel messages that tell of a device or register that does not do what the kernel expects.
    assert.doesNotMatch(await shell.run('dmesg'), /Oops|BUG:|WARNING:|Unhandled|undefined instruction/i);
    machine.serial.write('poweroff -f\n');
    assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
  });
}

test('poweroff in the guest ends the command with 0', async (t) => {
  const { kernel, initrd } = linuxGuest('armmp');
  const session = new CommandSession(t, [
    ...['--machine', 'virt', '-m', '512M', '--kernel', kernel, '--initrd', initrd],
    ...['--append', 'console=ttyAMA0'],
  ]);
  await session.expect(/guest: ready/);
  session.write('poweroff -f\n');
  assert.equal(await session.end(), 0);
  assert.match(session.output, /reboot: Power down/);
});
