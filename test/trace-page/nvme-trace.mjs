// A trace of the shape that a guest with an NVMe drive behind an SMMU makes, of any length, always the same:
//   node test/trace-page/nvme-trace.mjs EVENTS > FILE
import { pathToFileURL } from 'node:url';

const NVME = '00:01.0';
const EDU = '00:02.0';

const HEADER = {
  format: 'armemu-trace',
  version: 1,
  machine: 'virt,iommu=smmuv2',
  categories: ['iommu', 'dma', 'irq', 'mmio', 'config'],
  iommu: true,
  devices: [
    {
      address: NVME,
      name: 'vfio 0000:01:00.0',
      vendorId: '0x1b36',
      deviceId: '0x10',
      classCode: '0x10802',
      bars: [{ index: 0, kind: 'memory64', size: 16384 }],
      capabilities: [
        { id: 17, offset: 0x40, length: 12 },
        { id: 16, offset: 0x80, length: 60 },
        { id: 1, offset: 0x60, length: 8 },
      ],
      msix: { vectors: 65, tableBar: 0, tableOffset: 8192, pbaBar: 0, pbaOffset: 12288 },
    },
    {
      address: EDU,
      name: 'edu',
      vendorId: '0x1234',
      deviceId: '0x11e8',
      classCode: '0xff00',
      bars: [{ index: 0, kind: 'memory32', size: 1048576 }],
      capabilities: [{ id: 5, offset: 64, length: 14 }],
    },
  ],
};

/** The driver's pool of IOVAs, each for one transfer. */
const SLOTS = 48;
const SLOT_SIZE = 0x1_0000;

const hex = (value) => `0x${value.toString(16)}`;

/** Numbers that look random and are the same each time. */
function randomNumbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** @param {number} count events @returns {Generator<object>} the header, and so many events */
export function* nvmeTrace(count) {
  const random = randomNumbers(1);
  let ns = 1_000_000;
  let instructions = 20_000;
  let made = 0;
  const event = (device, category, op, fields, after = 400) => {
    made++;
    ns += 1 + random(after);
    instructions += 1 + random(after);
    return { ns, instructions, device, category, op, ...fields };
  };
  const config = (op, offset, size, value) =>
    event(NVME, 'config', op, { offset: hex(offset), size, value: hex(value) });
  const register = (op, offset, size, value) =>
    event(NVME, 'mmio', op, { bar: 0, offset: hex(offset), size, value: hex(value) });
  const mapping = (op, iova, size, physical, rights) =>
    event(NVME, 'iommu', op, { iova: hex(iova), size, physical: hex(physical), rights });
  const set = function* () {
    yield config('read', 0, 4, 0x00101b36);
    yield config('write', 0x10, 4, 0x10000000);
    yield config('write', 4, 2, 6);
    yield config('read', 0x42, 2, 0x40);
    yield config('write', 0x42, 2, 0x8040);
    yield register('read', 0, 8, 0x0f01_0f00_07ffn | (1n << 32n));
    yield register('read', 8, 4, 0x10400);
    yield register('write', 0x14, 4, 0);
    yield mapping('map', 0xfffff000, 4096, 0x4100_0000, 'rw');
    yield mapping('map', 0xffffe000, 4096, 0x4100_1000, 'rw');
    yield register('write', 0x24, 4, 0x1f001f);
    yield register('write', 0x28, 8, 0xfffff000);
    yield register('write', 0x30, 8, 0xffffe000);
    yield register('write', 0x14, 4, 0x460001);
    for (let i = 0; i < 6; i++) yield register('read', 0x1c, 4, i < 5 ? 0 : 1);
    yield register('write', 0x2000 + 16, 4, 0x8020040);
    yield register('write', 0x2000 + 28, 4, 0);
    for (const [i, rights] of ['r', 'w', 'r', 'w'].entries()) {
      yield mapping('map', 0xffffa000 + 4096 * i, 4096, 0x4100_2000 + 4096 * i, rights);
    }
    const busy = [];
    for (let tail = 0; ; tail = (tail + 1) % 1024) {
      const queue = 1 + random(2);
      let slot = random(SLOTS);
      while (busy.some((other) => other.slot === slot)) slot = (slot + 1) % SLOTS;
      const iova = 0xffc0_0000 + SLOT_SIZE * slot;
      const size = 4096 * (1 + random(SLOT_SIZE / 4096));
      const rights = random(3) === 0 ? 'r' : 'w';
      const physical = 0x4200_0000 + 4096 * random(16384);
      yield mapping('map', iova, size, physical, rights);
      // Doorbells with a stride of 8 bytes: CAP.DSTRD is 1.
      yield register('write', 0x1000 + queue * 16, 4, tail);
      busy.push({ slot, iova, size, physical, rights });
      if (random(4) > 0 || busy.length > 32) {
        yield event(
          NVME,
          'irq',
          'msix',
          { vector: queue, address: '0x8020040', data: hex(0x50 + queue) },
          6000,
        );
        const done = busy.splice(random(busy.length), 1)[0];
        yield register('write', 0x1000 + queue * 16 + 8, 4, tail);
        yield mapping('unmap', done.iova, done.size, done.physical, done.rights);
      }
      if (random(50) === 0) {
        const at = 0x8000_0000 + 4096 * random(64);
        const physical = 0x4600_0000 + (at & 0xfffff);
        yield event(EDU, 'mmio', 'write', { bar: 0, offset: '0x98', size: 4, value: '0x1' });
        yield event(EDU, 'iommu', 'translate', {
          iova: hex(at),
          size: 4096,
          physical: hex(physical),
          rights: 'r',
        });
        yield event(EDU, 'dma', 'read', { iova: hex(at), size: 4096, physical: hex(physical) });
        if (random(20) === 0) {
          yield event(EDU, 'iommu', 'fault', { iova: '0x9000000', size: 64, rights: 'w' });
          yield event(EDU, 'dma', 'write', { iova: '0x9000000', size: 64, failed: true });
        }
        yield event(EDU, 'irq', 'raise', { pin: 'INTA' });
        yield event(EDU, 'mmio', 'read', { bar: 0, offset: '0x24', size: 4, value: '0x100' });
        yield event(EDU, 'irq', 'lower', { pin: 'INTA' });
      }
      // The guest does something else for a while.
      if (random(2000) === 0) ns += 20_000_000;
    }
  };
  yield HEADER;
  for (const record of set()) {
    yield record;
    if (made === count) return;
  }
}

/** The lines of a trace with so many events. */
export function nvmeLines(count) {
  const lines = [];
  for (const record of nvmeTrace(count)) lines.push(JSON.stringify(record));
  return lines;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`${nvmeLines(Number(process.argv[2])).join('\n')}\n`);
}
