import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firmware, SCRATCH } from '../guest/firmware.mjs';
import {
  bindTo,
  bindToVfio,
  expectKernelLog,
  forbiddenMemory,
  interruptCounts,
  kernelLog,
} from '../guest/host.mjs';
import { BLOCK_COUNT, BLOCK_SIZE, blockPattern } from '../guest/pattern.mjs';
import { ADDRESS, FORBIDDEN } from '../guest/topology.mjs';

let firmware;
const written = randomBytes(BLOCK_SIZE);
const WRITTEN_BLOCK = 100;

before(async () => {
  bindToVfio(ADDRESS.nvme);
  firmware = await Firmware.boot([ADDRESS.nvme]);
});

after(async () => {
  await firmware?.stop();
});

const hex = (address) => `0x${address.toString(16)}`;

test('the controller identifies itself through queues in guest memory', async () => {
  const printed = await firmware.command('nvme identify');
  assert.match(printed, /model 'QEMU NVMe Ctrl' serial 'armemu-nvme'/);
  assert.match(printed, new RegExp(`${BLOCK_COUNT} blocks of ${BLOCK_SIZE} bytes`));
});

for (const block of [0, 1, 777, BLOCK_COUNT - 1]) {
  test(`block ${block} arrives in guest RAM byte for byte, and nothing behind it changes`, async () => {
    const guard = Buffer.alloc(BLOCK_SIZE * 2, 0xa5);
    firmware.write(SCRATCH, guard);
    await firmware.command(`nvme read ${block} ${hex(SCRATCH)}`);
    guard.set(blockPattern(block));
    assert.deepEqual(Buffer.from(firmware.read(SCRATCH, guard.length)), guard);
  });
}

test('a block that crosses a page arrives in both', async () => {
  const address = SCRATCH + 0x1000 - 0x104;
  await firmware.command(`nvme read 42 ${hex(address)}`);
  assert.deepEqual(firmware.read(address, BLOCK_SIZE), blockPattern(42));
});

test('completions come by MSI-X, one vector for each queue, through VFIO', async () => {
  const before = interruptCounts(ADDRESS.nvme);
  await firmware.command('nvme read 7');
  const counts = interruptCounts(ADDRESS.nvme);
  assert.ok(counts[`vfio-msix[0](${ADDRESS.nvme})`] > 0, JSON.stringify(counts));
  assert.ok(
    counts[`vfio-msix[1](${ADDRESS.nvme})`] > before[`vfio-msix[1](${ADDRESS.nvme})`],
    JSON.stringify(counts),
  );
});

test('a block read to an address outside the RAM of the guest does not arrive, whatever the controller says', async () => {
  const pattern = randomBytes(4096);
  forbiddenMemory.write(0, pattern);
  const log = kernelLog();
  await firmware.command(`nvme stray ${hex(FORBIDDEN.address)} 5`);
  await expectKernelLog(
    log,
    /DMAR: \[DMA Write NO_PASID\] Request device \[02:00\.0\] fault addr 0x10000000/,
  );
  assert.deepEqual(Buffer.from(forbiddenMemory.read(0, 4096)), pattern);
});

test('a block that the guest wrote reads back', async () => {
  firmware.write(SCRATCH, written);
  await firmware.command(`nvme write ${WRITTEN_BLOCK} ${hex(SCRATCH)}`);
  await firmware.command(`nvme read ${WRITTEN_BLOCK} ${hex(SCRATCH + 0x2000)}`);
  assert.deepEqual(Buffer.from(firmware.read(SCRATCH + 0x2000, BLOCK_SIZE)), written);
});

test("the machine's end gives the drive back: the host's own driver finds the written block on it", async () => {
  await firmware.stop();
  bindTo(ADDRESS.nvme, 'nvme');
  const drive = '/dev/nvme0n1';
  for (let tries = 0; tries < 200 && !existsSync(drive); tries++) await sleep(50);
  const file = openSync(drive, 'r');
  for (const [block, expected] of [
    [WRITTEN_BLOCK, written],
    [WRITTEN_BLOCK + 1, Buffer.from(blockPattern(WRITTEN_BLOCK + 1))],
  ]) {
    const bytes = Buffer.alloc(BLOCK_SIZE);
    readSync(file, bytes, 0, BLOCK_SIZE, block * BLOCK_SIZE);
    assert.deepEqual(bytes, expected);
  }
  closeSync(file);
  bindToVfio(ADDRESS.nvme);
});
