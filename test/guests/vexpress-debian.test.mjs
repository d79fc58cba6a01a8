// Debian 12 with systemd on the Versatile Express boards, from a partition of the SD card and of a virtio disk, to a login:
// every board, number of CPUs and device tree; and the command lines that a person types.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, test } from 'node:test';
import { CommandSession, linuxGuest } from './guests.mjs';
import {
  bootsFrom,
  Costs,
  logIn,
  PARTITION_OFFSET,
  partitionedDebian,
  startBoot,
  titleOf,
} from './vexpress-boots.mjs';
import { stockTree } from './vexpress-facts.mjs';

const PART = { 'vexpress-a9': '0xc09', 'vexpress-a15': '0xc0f' };
const ROOT = { sd: '/dev/mmcblk0p1', virtio: '/dev/vda1' };

let image;
before((t) => {
  image = partitionedDebian(t);
});

/** Looks around in a guest that somebody has logged in to, and writes to its disk. */
async function checkDebian(shell, { board, source, cpus }) {
  assert.equal((await shell.run('nproc')).trim(), String(cpus));
  assert.ok((await shell.run('cat /proc/cpuinfo')).includes(`CPU part\t: ${PART[board]}\n`));
  assert.equal((await shell.run('findmnt -no SOURCE /')).trim(), ROOT[source]);
  assert.match(await shell.run('lspci -n'), /1b36:0008/);
  await shell.run(
    'dd if=/dev/urandom of=/root/data bs=64k count=16 2>&1; sha256sum /root/data > /root/sum; sync',
  );
  await shell.run('echo 3 > /proc/sys/vm/drop_caches; sha256sum -c /root/sum');
  assert.equal(await shell.run('systemctl --failed --no-legend'), '');
  assert.doesNotMatch(await shell.run('dmesg'), /Oops|(?<!watchdog: )BUG:|WARNING:|mmc0: error|I\/O error/);
}

const costs = new Costs();

for (const boot of bootsFrom('sd', 'virtio')) {
  test(`Debian 12 on ${titleOf(boot)}: login, a file, and poweroff`, async (t) => {
    await costs.of(titleOf(boot), async (started) => {
      const { machine, shell, log } = await startBoot(t, boot, image);
      started(machine);
      await logIn(machine.serial, shell);
      await checkDebian(shell, boot);
      machine.serial.write('poweroff\n');
      assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
      assert.deepEqual(log, [], 'no register is used that the devices do not have');
    });
  });
}

const APPEND = 'root=/dev/mmcblk0p1 rootfstype=ext4 rw console=ttyAMA0,38400n8 rootwait';

/**
 * The first question's command line: in armemu's words and just so, by the host's clock, however busy the host is (systemd gives
 * its console 90 s of the guest); and in QEMU's, by the counting clock, as the other boots here.
 */
const TYPED = [
  {
    title: "armemu's",
    options: ({ kernel, initrd }, card) => [
      ...['--machine', 'vexpress-a9', '--cpu', 'cortex-a9', '-m', '1024', '--smp', '2'],
      ...['--kernel', kernel, '--initrd', initrd, '--append', APPEND, '--sd', card],
    ],
  },
  {
    title: "QEMU's",
    options: ({ kernel, initrd, dtb }, card) => [
      ...['-M', 'vexpress-a9', '-cpu', 'cortex-a9', '-smp', '2', '-m', '1024'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', APPEND, '-sd', card],
      ...['-dtb', dtb, '-nographic', '-icount', 'shift=auto'],
    ],
  },
];

for (const { title, options } of TYPED) {
  test(`the first question's command line in ${title} words: login, poweroff, and what is written stays on the card`, async (t) => {
    const card = partitionedDebian(t);
    const { kernel, vexpressInitrd: initrd, release } = linuxGuest('armmp');
    const guest = { kernel, initrd, dtb: stockTree('vexpress-a9', release) };
    const session = new CommandSession(t, options(guest, card));
    await logIn(session, session);
    await checkDebian(session, { board: 'vexpress-a9', source: 'sd', cpus: 2 });
    session.write('poweroff\n');
    assert.equal(await session.end(), 0);
    const partition = `${card}?offset=${PARTITION_OFFSET}`;
    execFileSync('e2fsck', ['-fn', partition], { stdio: 'pipe' });
    const written = execFileSync('debugfs', ['-R', 'cat /root/sum', partition], { encoding: 'utf8' });
    assert.match(written, /^[0-9a-f]{64} {2}\/root\/data$/m);
  });
}
