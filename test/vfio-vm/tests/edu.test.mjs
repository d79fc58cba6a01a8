import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firmware, RAM_BASE, SCRATCH } from '../guest/firmware.mjs';
import {
  bindToVfio,
  expectKernelLog,
  forbiddenMemory,
  kernelLog,
  peakInterruptCounts,
} from '../guest/host.mjs';
import { ADDRESS, FORBIDDEN } from '../guest/topology.mjs';

/** Registers of edu (QEMU docs/specs/edu.rst). */
const Edu = { DMA_SOURCE: 0x80, DMA_DESTINATION: 0x88, DMA_COUNT: 0x90, DMA_COMMAND: 0x98 };
const DMA_START = 1;
const DMA_TO_RAM = 2;
/** Where edu's own buffer is, in its address space. */
const EDU_BUFFER = 0x4_0000;
/** QEMU's edu aborts QEMU on more. */
const DMA_MAX = 4092;
const COMMAND = 0x04;
const MEMORY_AND_BUS_MASTER = 0x6;

/** The kernel reports few faults in 5 seconds (DEFAULT_RATELIMIT_INTERVAL of Linux) and drops the others. */
const KERNEL_RATE_LIMIT_MS = 5500;

let firmware;
let registers;

before(async () => {
  bindToVfio(ADDRESS.edu);
  firmware = await Firmware.boot([ADDRESS.edu]);
  registers = (await firmware.functions()).get('00:01.0').bars.get(0).cpu;
  await firmware.config('00:01.0', COMMAND, MEMORY_AND_BUS_MASTER);
});

after(async () => {
  await firmware?.stop();
});

async function transfer(source, destination, count, direction) {
  await firmware.setWord(registers + Edu.DMA_SOURCE, source);
  await firmware.setWord(registers + Edu.DMA_DESTINATION, destination);
  await firmware.setWord(registers + Edu.DMA_COUNT, count);
  await firmware.setWord(registers + Edu.DMA_COMMAND, DMA_START | direction);
  while ((await firmware.word(registers + Edu.DMA_COMMAND)) & DMA_START);
}

const toDevice = (from, count) => transfer(from, EDU_BUFFER, count, 0);
const toRam = (to, count) => transfer(EDU_BUFFER, to, count, DMA_TO_RAM);

test('the firmware lists the real edu among the PCI devices of the guest, and its checks of it pass', () => {
  assert.match(firmware.banner, /00:01\.0 {2}1234:11e8/);
  assert.match(firmware.banner, /\[ ok \] .*DMA/);
  assert.match(firmware.banner, /\[ ok \] .*endpoint MSI/);
  assert.match(firmware.banner, /\[ ok \] .*endpoint INTx/);
  assert.doesNotMatch(firmware.banner, /\[fail\]/);
});

test("edu's registers answer: identification, liveness check, factorial", async () => {
  assert.equal(await firmware.word(registers), 0x010000ed);
  await firmware.setWord(registers + 4, 0x12345678);
  assert.equal(await firmware.word(registers + 4), ~0x12345678 >>> 0);
  await firmware.command('edu ident');
  assert.match(await firmware.command('edu fact 12'), /479001600/);
});

for (const count of [1, 4, 63, 1021, DMA_MAX]) {
  test(`${count} bytes go from guest RAM into the device and come back to another place, and nothing around them changes`, async () => {
    const data = randomBytes(count);
    const source = SCRATCH + 0x1004;
    const target = SCRATCH + 0x8000 + 0xff0;
    const guard = new Uint8Array(count + 128).fill(0xa5);
    firmware.write(source, data);
    firmware.write(target - 64, guard);
    await toDevice(source, count);
    firmware.write(source, new Uint8Array(count));
    await toRam(target, count);
    const expected = guard.slice();
    expected.set(data, 64);
    assert.deepEqual(Buffer.from(firmware.read(target - 64, count + 128)), Buffer.from(expected));
    assert.deepEqual(Buffer.from(firmware.read(source, count)), Buffer.alloc(count));
  });
}

test('MSI: the interrupts that the device raises arrive, through VFIO', async () => {
  const counts = await peakInterruptCounts(ADDRESS.edu, async () => {
    assert.match(await firmware.command('edu msi'), /\[ ok \] .*endpoint MSI +5 of 5 interrupts/);
  });
  assert.ok(counts[`vfio-msi[0](${ADDRESS.edu})`] > 0, JSON.stringify(counts));
});

test('INTx: each interrupt is masked by the host and unmasked at the end of the handler, so that the next one comes', async () => {
  const counts = await peakInterruptCounts(ADDRESS.edu, async () => {
    const printed = await firmware.command('edu intx');
    assert.match(printed, /\[ ok \] .*INTx .*4 of 4 interrupts/);
    assert.match(printed, /\[ ok \] .*INTx mask .*0 while disabled \(status bit 1\), 1 of 1 after enabling/);
  });
  assert.ok(counts[`vfio-intx(${ADDRESS.edu})`] > 0, JSON.stringify(counts));
});

test('a write outside the RAM of the guest is blocked by the IOMMU: the log says so and no memory changes', async () => {
  const pattern = randomBytes(4096);
  forbiddenMemory.write(0, pattern);
  const unused = firmware.read(SCRATCH, 0x10_0000);
  const log = kernelLog();
  firmware.write(SCRATCH, randomBytes(256));
  await toDevice(SCRATCH, 256);
  firmware.write(SCRATCH, unused.subarray(0, 256));
  await toRam(FORBIDDEN.address, 256);
  await expectKernelLog(
    log,
    /DMAR: \[DMA Write NO_PASID\] Request device \[01:00\.0\] fault addr 0x10000000/,
  );
  assert.deepEqual(Buffer.from(forbiddenMemory.read(0, 4096)), pattern);
  assert.deepEqual(Buffer.from(firmware.read(SCRATCH, 0x10_0000)), Buffer.from(unused));
});

test('a read outside the RAM of the guest brings nothing of the host into the guest', async () => {
  const secret = Buffer.alloc(256, 'secret of the host ');
  forbiddenMemory.write(0x1000, secret);
  const log = kernelLog();
  await toDevice(FORBIDDEN.address + 0x1000, 256);
  await toRam(SCRATCH, 256);
  await expectKernelLog(log, /DMAR: \[DMA Read NO_PASID\] Request device \[01:00\.0\] fault addr 0x10001000/);
  assert.ok(!Buffer.from(firmware.read(SCRATCH, 256)).includes(secret.subarray(0, 8)));
});

for (const [where, address] of [
  ['after', RAM_BASE + 64 * 2 ** 20],
  ['before', RAM_BASE - 0x1000],
]) {
  test(`the page just ${where} the RAM of the guest is out of reach`, async () => {
    await sleep(KERNEL_RATE_LIMIT_MS);
    const log = kernelLog();
    await toRam(address, 64);
    await expectKernelLog(log, new RegExp(`DMA Write NO_PASID.*fault addr 0x${address.toString(16)}`));
  });
}

test('without bus mastering the device moves nothing; with it again it does', async () => {
  firmware.write(SCRATCH, Buffer.alloc(64, 'with bus mastering'));
  await toDevice(SCRATCH, 64);
  await firmware.config('00:01.0', COMMAND, MEMORY_AND_BUS_MASTER & ~4);
  await toRam(SCRATCH + 64, 64);
  assert.deepEqual(Buffer.from(firmware.read(SCRATCH + 64, 64)), Buffer.alloc(64));
  await firmware.config('00:01.0', COMMAND, MEMORY_AND_BUS_MASTER);
  await toRam(SCRATCH + 64, 64);
  assert.deepEqual(Buffer.from(firmware.read(SCRATCH + 64, 64)), Buffer.alloc(64, 'with bus mastering'));
});
