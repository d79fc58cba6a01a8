import assert from 'node:assert/strict';
import { closeSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { addon, fileOfSize, machineMemory } from './addon.mjs';

test('a failed open names operation, path, errno and code', () => {
  assert.throws(() => addon.open('/nonexistent/vfio'), {
    name: 'Error',
    operation: 'open',
    path: '/nonexistent/vfio',
    errno: 2,
    code: 'ENOENT',
    message: 'open on /nonexistent/vfio: No such file or directory (ENOENT)',
  });
});

test('every ioctl is checked: on a file that knows none each one fails with its own name', () => {
  const file = addon.open('/dev/null');
  const bytes = new Uint8Array(4096);
  const calls = {
    VFIO_GET_API_VERSION: () => addon.containerApiVersion(file),
    VFIO_CHECK_EXTENSION: () => addon.containerCheckExtension(file, 3),
    VFIO_SET_IOMMU: () => addon.containerSetIommu(file, 3),
    VFIO_IOMMU_GET_INFO: () => addon.containerIommuInfo(file),
    VFIO_IOMMU_MAP_DMA: () => addon.containerMapDma(file, bytes, 0x40000000n, 3),
    VFIO_IOMMU_UNMAP_DMA: () => addon.containerUnmapDma(file, 0x40000000, 4096),
    VFIO_GROUP_GET_STATUS: () => addon.groupStatus(file),
    VFIO_GROUP_SET_CONTAINER: () => addon.groupSetContainer(file, file),
    VFIO_GROUP_UNSET_CONTAINER: () => addon.groupUnsetContainer(file),
    VFIO_GROUP_GET_DEVICE_FD: () => addon.groupDevice(file, '0000:01:00.0'),
    VFIO_DEVICE_GET_INFO: () => addon.deviceInfo(file),
    VFIO_DEVICE_GET_REGION_INFO: () => addon.deviceRegionInfo(file, 0),
    VFIO_DEVICE_GET_IRQ_INFO: () => addon.deviceIrqInfo(file, 0),
    VFIO_DEVICE_SET_IRQS: () => addon.deviceSetIrqs(file, 0, 0, 0, 0x21, null),
    VFIO_DEVICE_RESET: () => addon.deviceReset(file),
    VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: () => addon.devicePciHotResetInfo(file),
    VFIO_DEVICE_PCI_HOT_RESET: () => addon.devicePciHotReset(file, Int32Array.of(1, 2)),
  };
  for (const [operation, call] of Object.entries(calls))
    assert.throws(call, { operation, path: '/dev/null', errno: 25, code: 'ENOTTY' });
  assert.throws(() => addon.containerUnmapAll(file), { operation: 'VFIO_IOMMU_UNMAP_DMA' });
  addon.close(file);
});

test('values and buffers are read and written at their offset, little-endian', () => {
  const file = fileOfSize(64);
  addon.writeValue(file, 8, 4, 0xfedcba98);
  addon.writeValue(file, 16, 8, 0x8877665544332211n);
  addon.writeValue(file, 24n, 2, 0xbeef);
  addon.writeValue(file, 26, 1, 0x5a);
  assert.equal(addon.readValue(file, 8, 4), 0xfedcba98);
  assert.equal(addon.readValue(file, 16, 8), 0x8877665544332211n);
  assert.equal(addon.readValue(file, 24, 2), 0xbeef);
  assert.equal(addon.readValue(file, 26, 1), 0x5a);
  const bytes = Buffer.alloc(4);
  readSync(file, bytes, 0, 4, 8);
  assert.equal(bytes.toString('hex'), '98badcfe');
  addon.writeBuffer(file, 32, Uint8Array.of(1, 2, 3, 4, 5));
  const back = new Uint8Array(5);
  addon.readBuffer(file, 32, back);
  assert.deepEqual([...back], [1, 2, 3, 4, 5]);
  closeSync(file);
});

test('a read beyond the end is EIO, not a short value', () => {
  const file = fileOfSize(6);
  assert.throws(() => addon.readValue(file, 4, 4), { operation: 'pread', code: 'EIO' });
  assert.throws(() => addon.readBuffer(file, 0, new Uint8Array(7)), { operation: 'pread', code: 'EIO' });
  assert.throws(() => addon.readValue(file, 0, 3), RangeError);
  closeSync(file);
});

test('arguments of the wrong type or range are refused before the kernel sees them', () => {
  const file = addon.open('/dev/null');
  assert.throws(() => addon.containerMapDma(file, new Uint16Array(4), 0, 3), TypeError);
  assert.throws(() => addon.containerMapDma(file, new Uint8Array(4), -1, 3), RangeError);
  assert.throws(() => addon.containerMapDma(file, new Uint8Array(4), 1.5, 3), RangeError);
  assert.throws(() => addon.containerMapDma(file, new Uint8Array(4), 2n ** 64n, 3), RangeError);
  assert.throws(() => addon.deviceSetIrqs(file, 0, 0, 2, 0x24, Int32Array.of(1)), TypeError);
  assert.throws(() => addon.deviceSetIrqs(file, 0, 0, 1, 0x24, Uint8Array.of(1)), TypeError);
  assert.throws(() => addon.deviceSetIrqs(file, 0, 0, 1, 0x22, null), TypeError);
  assert.throws(() => addon.open(5), TypeError);
  assert.throws(() => addon.open(), TypeError);
  assert.throws(() => addon.groupStatus(-1), RangeError);
  assert.throws(() => addon.groupStatus(2 ** 31), RangeError);
  addon.close(file);
});

test('only descriptors of the addon can be closed by it, and once', () => {
  const foreign = fileOfSize(1);
  assert.throws(() => addon.close(foreign), { code: 'EBADF' });
  writeSync(foreign, 'still open');
  closeSync(foreign);
  const own = addon.open('/dev/null');
  addon.close(own);
  assert.throws(() => addon.close(own), { operation: 'close', code: 'EBADF' });
});

test('descriptors are not inherited by child processes', async () => {
  const { execFileSync } = await import('node:child_process');
  const file = addon.open('/dev/null');
  const eventfd = addon.eventfdCreate('x');
  const listing = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  assert.doesNotMatch(listing, /eventfd/);
  for (const descriptor of [file, eventfd])
    assert.doesNotMatch(listing, new RegExp(` ${descriptor} -> (anon_inode:.eventfd|/dev/null)`));
  addon.close(file);
  addon.close(eventfd);
});

test('guest RAM is kept from children; bytes that are no whole pages of memory are refused', () => {
  const { bytes } = machineMemory();
  addon.keepFromChildren(bytes.subarray(65536));
  assert.throws(() => addon.keepFromChildren(bytes.subarray(1)), {
    operation: 'madvise MADV_DONTFORK',
    code: 'EINVAL',
  });
});

test('a full eventfd counter is no error', () => {
  const eventfd = addon.eventfdCreate('full');
  writeSync(eventfd, new BigUint64Array([0xffff_ffff_ffff_fffen]));
  addon.eventfdWrite(eventfd);
  addon.close(eventfd);
});
