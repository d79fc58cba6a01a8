#!/usr/bin/env node
// Records what Debian's kernel sees of the Versatile Express boards on QEMU: node scripts/record-vexpress.mjs
// Writes test/guests/vexpress-on-qemu/, which test/guests/vexpress.test.mjs compares with. Needs qemu-system-arm and the
// guests of `npm run test:guests -- --prepare`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandSession, linuxGuest } from '../test/guests/guests.mjs';
import { BOARDS, factsOf, recordedPath, stockTree } from '../test/guests/vexpress-facts.mjs';

const QEMU = 'qemu-system-arm';
const { kernel, vexpressInitrd, release } = linuxGuest('armmp');
const [version] = execFileSync(QEMU, ['--version'], { encoding: 'utf8' }).split('\n');

for (const board of Object.keys(BOARDS)) {
  for (const cpus of [1, 2]) {
    const ends = [];
    const args = [
      ...['-M', board, '-smp', String(cpus), '-m', '512', '-nographic', '-audiodev', 'none,id=none'],
      ...['-kernel', kernel, '-initrd', vexpressInitrd, '-dtb', stockTree(board, release)],
      ...['-append', 'console=ttyAMA0 quiet'],
    ];
    const session = new CommandSession({ after: (end) => ends.push(end), passed: true }, args, [QEMU]);
    await session.expect(/guest: ready/);
    const facts = await factsOf((command) => session.run(command));
    for (const end of ends) end();
    const path = recordedPath(board, cpus);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify({ qemu: version, release, ...facts }, undefined, 2)}\n`);
    console.log(`recorded ${path}`);
  }
}
