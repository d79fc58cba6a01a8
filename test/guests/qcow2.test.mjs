// qcow2 images that armemu writes, as qemu-img sees them: contents, and `qemu-img check`.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDisk } from '../../dist/host/open-disk.js';
import { scratchDirectory } from './guests.mjs';

const SIZE = 24 * 2 ** 20 + 512;
const BACKING_SIZE = 8 * 2 ** 20;
const SECTOR = 512;
const OPTIONS = [
  'compat=0.10',
  'compat=1.1',
  'cluster_size=512',
  'cluster_size=4k,refcount_bits=1',
  'cluster_size=64k,refcount_bits=64',
  'cluster_size=2M',
];

const qemuImg = (folder, ...args) => execFileSync('qemu-img', args, { cwd: folder, encoding: 'utf8' });

/** An empty image, over a compressed one if asked for. @returns what its guest reads at first */
function makeImage(folder, options, withBacking) {
  const contents = Buffer.alloc(SIZE);
  if (withBacking) {
    writeFileSync(join(folder, 'base.raw'), randomBytes(BACKING_SIZE).fill(7, 65_536, 4_000_000));
    readFileSync(join(folder, 'base.raw')).copy(contents);
    qemuImg(folder, 'convert', '-c', '-f', 'raw', '-O', 'qcow2', 'base.raw', 'base.qcow2');
  }
  const backing = withBacking ? ['-b', 'base.qcow2', '-F', 'qcow2'] : [];
  qemuImg(folder, 'create', '-q', '-f', 'qcow2', '-o', options, ...backing, 'disk.qcow2', `${SIZE}`);
  return contents;
}

/** Does 150 random things to a disk, and the same to its model. */
async function exercise(disk, model) {
  for (let i = 0; i < 150; i++) {
    const offset = randomInt(SIZE / SECTOR) * SECTOR;
    const sectors = 1 + randomInt(randomInt(10) === 0 ? 400 : 12);
    const length = Math.min(SIZE - offset, sectors * SECTOR);
    const action = randomInt(10);
    if (action < 6) {
      const data = randomBytes(length);
      data.copy(model, offset);
      await disk.write(offset, data);
    } else if (action < 7) {
      model.fill(0, offset, offset + length);
      await disk.writeZeroes(offset, length, randomInt(2) === 1);
    } else if (action < 8) {
      await disk.discard(offset, length);
      // Zeroes, or what was there: the disk decides.
      await disk.read(offset, model.subarray(offset, offset + length));
    } else if (action < 9) {
      await disk.flush();
    } else {
      const bytes = Buffer.alloc(length);
      await disk.read(offset, bytes);
      assert.equal(Buffer.compare(bytes, model.subarray(offset, offset + length)), 0, `read at ${offset}`);
    }
  }
}

function checkImage(folder, model) {
  // Ends with another code than 0 for errors and for leaked clusters.
  assert.match(qemuImg(folder, 'check', 'disk.qcow2'), /No errors were found/);
  qemuImg(folder, 'convert', '-O', 'raw', 'disk.qcow2', 'out.raw');
  assert.equal(
    Buffer.compare(readFileSync(join(folder, 'out.raw')), model),
    0,
    'contents as qemu-img reads them',
  );
}

for (const options of OPTIONS) {
  for (const withBacking of [false, true]) {
    test(`${options}${withBacking ? ', over a compressed image' : ''}: qemu-img reads what was written and finds no error`, async (t) => {
      const folder = scratchDirectory(t);
      const model = makeImage(folder, options, withBacking);
      for (let round = 0; round < 3; round++) {
        const disk = await openDisk(join(folder, 'disk.qcow2'));
        try {
          await exercise(disk, model);
        } finally {
          await disk.close();
        }
        checkImage(folder, model);
      }
    });
  }
}

test('an image of small clusters grows past its first refcount table', async (t) => {
  const folder = scratchDirectory(t);
  const model = makeImage(folder, 'cluster_size=512', false);
  const disk = await openDisk(join(folder, 'disk.qcow2'));
  try {
    for (let offset = 0; offset < SIZE - SECTOR; offset += 2 ** 20) {
      const data = randomBytes(2 ** 20);
      data.copy(model, offset);
      await disk.write(offset, data);
    }
  } finally {
    await disk.close();
  }
  checkImage(folder, model);
});

const WRITER = `
import { randomBytes } from 'node:crypto';
import { openDisk } from ${JSON.stringify(new URL('../../dist/host/open-disk.js', import.meta.url).href)};
const disk = await openDisk(process.argv[1]);
for (let i = 0; ; i++) {
  await disk.write(i * 65536, Buffer.alloc(65536, i + 1));
  await disk.discard(((i * 7) % 300) * 65536 + 150 * 65536, 65536);
  if (i % 10 === 9) {
    await disk.flush();
    console.log(i + 1);
  }
  if (i === 140) i = 99;
}`;

test('a writer that is killed leaves an image without errors, with all that was flushed', async (t) => {
  const folder = scratchDirectory(t);
  makeImage(folder, 'compat=1.1', false);
  const path = join(folder, 'disk.qcow2');
  const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let flushed = 0;
  const ended = new Promise((resolve) => writer.once('close', resolve));
  writer.stdout.setEncoding('utf8');
  writer.stdout.on('data', (text) => {
    flushed = Math.max(flushed, ...text.trim().split('\n').map(Number));
    if (flushed >= 100) writer.kill('SIGKILL');
  });
  await ended;
  assert.ok(flushed >= 100, `the writer ended after ${flushed}`);
  // Leaked clusters may be there (exit code 3), errors not.
  const { status, stdout } = (() => {
    try {
      return { status: 0, stdout: qemuImg(folder, 'check', 'disk.qcow2') };
    } catch (error) {
      return error;
    }
  })();
  assert.ok(status === 0 || status === 3, stdout);
  // The kernel has taken the dead process's lock away.
  const disk = await openDisk(path);
  const first = Buffer.alloc(65_536);
  for (let i = 0; i < 100; i++) {
    await disk.read(i * 65_536, first);
    assert.ok(
      first.every((byte) => byte === i + 1),
      `cluster ${i}`,
    );
  }
  await disk.close();
});
