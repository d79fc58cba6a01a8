// A guest that asks its SMMU for what the host's IOMMU has not, and one that edits its tables while the device is at work.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firmware, SCRATCH } from '../guest/firmware.mjs';
import { bindToVfio, realConfig } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const LIMIT_FILE = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit';
const COMMAND = 0x04;
const BUS_MASTER = 1 << 2;
const FUNCTION = '00:01.0';
const PAGE = 4096;
const IOVA = 0x9000_0000;
/** edu's registers (QEMU docs/specs/edu): source, destination, bytes, and the command that starts a transfer. */
const [SOURCE, DESTINATION, COUNT, START] = [0x80, 0x88, 0x90, 0x98];
const BUFFER = 0x4_0000;
const RUN_TO_RAM = 3;

/** Each boots a machine: CI has one of them. */
const outsideCi = process.env.ARMEMU_CI === '' ? test : () => {};

const hex = (address) => `0x${address.toString(16)}`;

async function boot(t) {
  bindToVfio(ADDRESS.edu);
  const warnings = [];
  const firmware = await Firmware.boot([ADDRESS.edu], {
    machine: 'virt,iommu=smmuv2',
    warn: (message) => warnings.push(message),
  });
  t.after(() => firmware.stop());
  await firmware.command(`smmu attach ${FUNCTION} long`);
  const map = (iova, size = PAGE) =>
    firmware.command(`smmu map ${FUNCTION} ${hex(iova)} ${hex(size)} ${hex(SCRATCH)} rw`);
  return { firmware, warnings, map };
}

const mastersTheBus = () => (realConfig(ADDRESS.edu, COMMAND) & BUS_MASTER) !== 0;

/** The device is stopped for good, the guest goes on, and no byte of the page changes. */
async function assertStopped({ firmware, warnings, map }, reason) {
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(warnings[0], reason);
  assert.equal(mastersTheBus(), false, 'the device may still do DMA');
  assert.equal(firmware.machine.shadowStatistics().refused, 1);
  const bytes = randomBytes(PAGE);
  firmware.write(SCRATCH, bytes);
  await firmware.verdict(`edu store ${hex(IOVA)} 64`);
  await map(IOVA + 0x10_0000);
  // Bus master, as the guest's driver would try it again.
  await firmware.config(FUNCTION, COMMAND, 0x2);
  await firmware.config(FUNCTION, COMMAND, 0x6);
  await firmware.verdict(`edu store ${hex(IOVA)} 64`);
  assert.deepEqual(Buffer.from(firmware.read(SCRATCH, PAGE)), bytes);
  assert.equal(mastersTheBus(), false);
  assert.equal(warnings.length, 1, warnings.join('\n'));
}

test('more mappings than the host takes: told once with the remedy, and the device masters the bus no more', async (t) => {
  const LIMIT = 40;
  const before = readFileSync(LIMIT_FILE, 'utf8');
  writeFileSync(LIMIT_FILE, String(LIMIT));
  t.after(() => writeFileSync(LIMIT_FILE, before));
  const guest = await boot(t);
  await guest.map(IOVA, LIMIT * PAGE);
  await guest.firmware.command(`edu store ${hex(IOVA + (LIMIT - 1) * PAGE)} 64`);
  assert.deepEqual(guest.warnings, []);
  assert.equal(mastersTheBus(), true);
  await guest.map(IOVA + LIMIT * PAGE);
  await assertStopped(guest, /0000:01:00\.0 is stopped: the guest maps more than 40 pieces.*dma_entry_limit/);
});

outsideCi(
  'addresses that the host keeps for its own messages: the kernel refuses, and the device masters the bus no more',
  async (t) => {
    const guest = await boot(t);
    await guest.map(IOVA);
    assert.equal(mastersTheBus(), true);
    await guest.map(0xfee0_0000);
    await assertStopped(guest, /is stopped: the guest maps 0xfee00000-0xfee00fff, .*keeps for itself/);
  },
);

outsideCi(
  'the SMMU is switched off, and a page unmapped, while a transfer is under way: it is whole or not there at all',
  async (t) => {
    const { firmware, warnings, map } = await boot(t);
    const { cpu } = (await firmware.functions()).get(FUNCTION).bars.get(0);
    await map(IOVA);
    // What the device has in its buffer.
    const stored = randomBytes(256);
    firmware.write(SCRATCH, stored);
    await firmware.command(`edu fetch ${hex(IOVA)} 256`);
    const around = randomBytes(2 * PAGE);
    for (const command of ['smmu off', `smmu unmap ${FUNCTION} ${hex(IOVA)} ${hex(PAGE)}`]) {
      firmware.write(SCRATCH - PAGE / 2, around);
      for (const [register, value] of [
        [SOURCE, BUFFER],
        [DESTINATION, IOVA],
        [COUNT, 256],
        [START, RUN_TO_RAM],
      ])
        await firmware.setWord(cpu + register, value);
      await firmware.command(command);
      // A transfer takes 100 ms.
      await sleep(1000);
      const found = Buffer.from(firmware.read(SCRATCH - PAGE / 2, 2 * PAGE));
      const whole = Buffer.from(around);
      whole.set(stored, PAGE / 2);
      assert.ok(
        found.equals(around) || found.equals(whole),
        `${command}: a part of the transfer, or elsewhere`,
      );
      // Empty tables, and the page again.
      await firmware.command(`smmu attach ${FUNCTION} long`);
      await map(IOVA);
    }
    await firmware.command(`edu store ${hex(IOVA)} 256`);
    assert.deepEqual(Buffer.from(firmware.read(SCRATCH, 256)), stored, 'the device does not go on');
    assert.deepEqual(warnings, []);
    assert.equal(firmware.machine.shadowStatistics().refused, 0);
  },
);

outsideCi(
  'maps and unmaps at full speed, for a minute: nothing is left over in the host, nor in armemu',
  async (t) => {
    bindToVfio(ADDRESS.nvme);
    const firmware = await Firmware.boot([ADDRESS.nvme], {
      machine: 'virt,iommu=smmuv2',
      kernel: readFileSync('/armemu/firmware/prebuilt/dma-bench.elf'),
    });
    t.after(() => firmware.stop());
    await firmware.command('translate long');
    const pinned = () => /^VmLck:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))[0];
    const mapped = () => {
      const { maps, unmaps } = firmware.machine.shadowStatistics();
      return { left: maps - unmaps, maps };
    };
    const edit = async (seconds) => {
      const end = Date.now() + seconds * 1000;
      while (Date.now() < end) await firmware.command('edits 500');
    };
    // The code is warm then, and the heap as large as it gets.
    await edit(10);
    const before = {
      pinned: pinned(),
      left: mapped().left,
      rss: process.memoryUsage().rss,
      maps: mapped().maps,
    };
    await edit(60);
    const { left, maps } = mapped();
    t.diagnostic(`${maps - before.maps} mappings in 60 s`);
    assert.ok(maps > before.maps + 250);
    assert.deepEqual({ pinned: pinned(), left }, { pinned: before.pinned, left: before.left });
    assert.ok(process.memoryUsage().rss - before.rss < 64 * 2 ** 20, 'memory grows');
    assert.equal(firmware.machine.shadowStatistics().refused, 0);
    assert.match(await firmware.command('reads 50 4'), /^reads: 50 in/m);
  },
);
