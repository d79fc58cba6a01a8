import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { addon, fileOfSize, READ_WRITE } from './addon.mjs';

const ONES_64 = 0xffff_ffff_ffff_ffffn;

function mapped(size = 8192) {
  const descriptor = fileOfSize(size);
  return { descriptor, mapping: addon.mapRegion(descriptor, 0, size, READ_WRITE) };
}

test('accesses of each width are little-endian and reach exactly their bytes', () => {
  const { descriptor, mapping } = mapped();
  mapping.write8(1, 0xab);
  mapping.write16(2, 0xcdef);
  mapping.write32(4, 0xfedcba98);
  mapping.write64(8, 0x8877665544332211n);
  const bytes = Buffer.alloc(16);
  readSync(descriptor, bytes, 0, 16, 0);
  assert.equal(bytes.toString('hex'), '00abefcd98badcfe1122334455667788');
  assert.equal(mapping.read8(1), 0xab);
  assert.equal(mapping.read16(2), 0xcdef);
  assert.equal(mapping.read32(4), 0xfedcba98);
  assert.equal(mapping.read64(8), 0x8877665544332211n);
  mapping.close();
  closeSync(descriptor);
});

test('a write of a wider value keeps the low bits', () => {
  const { mapping } = mapped();
  mapping.write8(0, 0x1ff);
  assert.equal(mapping.read16(0), 0xff);
  mapping.close();
});

test('an offset outside the mapping or not aligned is a RangeError, another type a TypeError', () => {
  const { mapping } = mapped();
  for (const offset of [8192, 8190, 1, 2, -4, 2 ** 31])
    assert.throws(() => mapping.read32(offset), { name: 'RangeError' }, `read32(${offset})`);
  assert.throws(() => mapping.read64(8188), RangeError);
  assert.throws(() => mapping.write8(8192, 0), RangeError);
  assert.throws(() => mapping.read32('0'), TypeError);
  assert.throws(() => mapping.read32(), TypeError);
  assert.throws(() => mapping.write32(0), TypeError);
  assert.throws(() => mapping.write64(0, 1), TypeError);
  assert.equal(mapping.read32(8188), 0);
  mapping.close();
});

test('a mapping starts at its offset in the region', () => {
  const descriptor = fileOfSize(8192);
  writeSync(descriptor, Buffer.from([0x5a]), 0, 1, 4096);
  const mapping = addon.mapRegion(descriptor, 4096, 4096, READ_WRITE);
  assert.equal(mapping.read8(0), 0x5a);
  assert.throws(() => mapping.read8(4096), RangeError);
  mapping.close();
});

test('a dead page (SIGBUS) reads as all ones, drops writes, is counted, and lives again when the device does', () => {
  const { descriptor, mapping } = mapped();
  ftruncateSync(descriptor, 4096);
  assert.equal(mapping.read8(4096), 0xff);
  assert.equal(mapping.read16(4096), 0xffff);
  assert.equal(mapping.read32(8188), 0xffffffff);
  assert.equal(mapping.read64(4096), ONES_64);
  mapping.write32(4096, 0x12345678);
  assert.equal(mapping.faults(), 5);
  assert.equal(mapping.read32(4092), 0);
  ftruncateSync(descriptor, 8192);
  assert.equal(mapping.read32(4096), 0);
  assert.equal(mapping.faults(), 5);
  mapping.close();
});

test('only what lies within an open mapping goes to VFIO_IOMMU_MAP_DMA, whose errors say what failed', () => {
  const { descriptor, mapping } = mapped();
  for (const [offset, length] of [
    [0, 12288],
    [4096, 8192],
    [12288, 4096],
    [0xffff_f000, 8192],
  ])
    assert.throws(() => mapping.mapDma(descriptor, offset, length, 0x1000, READ_WRITE), RangeError);
  assert.throws(() => mapping.mapDma(descriptor, 4096, 4096, 0x1000, READ_WRITE), {
    operation: 'VFIO_IOMMU_MAP_DMA',
    code: 'ENOTTY',
  });
  assert.throws(() => mapping.mapDma(descriptor, 0, 4096, '0x1000', READ_WRITE), TypeError);
  assert.throws(() => mapping.mapDma(descriptor), TypeError);
  mapping.close();
  assert.throws(() => mapping.mapDma(descriptor, 0, 4096, 0x1000, READ_WRITE), RangeError);
  closeSync(descriptor);
});

test('two mappings fault independently', () => {
  const a = mapped();
  const b = mapped();
  ftruncateSync(a.descriptor, 0);
  assert.equal(a.mapping.read32(0), 0xffffffff);
  assert.equal(b.mapping.read32(0), 0);
  assert.deepEqual([a.mapping.faults(), b.mapping.faults()], [1, 0]);
  a.mapping.close();
  b.mapping.close();
});

test('the mapping keeps the device open by itself, and works after its descriptor was closed', () => {
  const { descriptor, mapping } = mapped();
  closeSync(descriptor);
  mapping.write32(0, 7);
  assert.equal(mapping.read32(0), 7);
  mapping.close();
});

test('a closed mapping throws instead of touching memory, and may be closed again', () => {
  const { mapping } = mapped();
  mapping.close();
  assert.throws(() => mapping.read32(0), RangeError);
  assert.throws(() => mapping.write32(0, 1), RangeError);
  mapping.close();
});

test('mappings that nobody holds any more can be collected, and hundreds can be made one after the other', () => {
  const descriptor = fileOfSize(4096);
  for (let i = 0; i < 600; i++) addon.mapRegion(descriptor, 0, 4096, READ_WRITE).close();
  globalThis.gc();
  closeSync(descriptor);
});

test('a region that is no whole page is refused, and an mmap that fails says what failed', () => {
  const descriptor = fileOfSize(4096);
  assert.throws(() => addon.mapRegion(descriptor, 0, 100, READ_WRITE), RangeError);
  assert.throws(() => addon.mapRegion(descriptor, 1, 4096, READ_WRITE), RangeError);
  closeSync(descriptor);
  const eventfd = addon.eventfdCreate('not mappable');
  assert.throws(() => addon.mapRegion(eventfd, 0, 4096, READ_WRITE), {
    operation: 'mmap',
    path: 'eventfd not mappable',
    code: 'ENODEV',
  });
  addon.close(eventfd);
});

test('a SIGBUS that is not of a mapping ends the process as it would have', () => {
  const program = `
    const { addon, fileOfSize } = await import(${JSON.stringify(new URL('addon.mjs', import.meta.url).href)});
    addon.mapRegion(fileOfSize(4096), 0, 4096, 3);
    process.kill(process.pid, 'SIGBUS');
    setTimeout(() => {}, 5000);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  // AddressSanitizer's own handler, to which ours is chained, reports and aborts.
  assert.ok(
    child.signal === 'SIGBUS' || /AddressSanitizer/.test(child.stderr),
    `${child.status} ${child.signal}`,
  );
});
