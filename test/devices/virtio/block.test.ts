import { describe, expect, test } from 'vitest';
import { BlockFeature, VirtioBlock, type VirtioBlockConfig } from '../../../src/devices/virtio/block.ts';
import { HostClock, InstructionClock } from '../../../src/machine/clock.ts';
import { MmioRegisters, negotiate, PciRegisters, QueueDriver, RAM_BASE, type Registers } from './driver.ts';
import { MemoryDisk, turns } from './memory-disk.ts';

const OK = 0;
const IOERR = 1;
const UNSUPP = 2;
const T = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8, DISCARD: 11, WRITE_ZEROES: 13 } as const;
const ALL = 0xff_ffffn;

function header(type: number, sector: number | bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

function segment(sector: number, count: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, count, true);
  view.setUint32(12, flags, true);
  return bytes;
}

class Rig {
  readonly disk: MemoryDisk;
  readonly warnings: string[] = [];
  readonly device: VirtioBlock;
  readonly registers: Registers;
  readonly queue: QueueDriver;

  constructor(
    config: Partial<VirtioBlockConfig> & { disk?: MemoryDisk } = {},
    wanted = ALL,
    make: (device: VirtioBlock) => Registers = (device) => new MmioRegisters(device),
  ) {
    this.disk = config.disk ?? new MemoryDisk();
    this.device = new VirtioBlock({
      clock: new HostClock(() => 0),
      warn: (message) => this.warnings.push(message),
      ...config,
      disk: this.disk,
    });
    this.registers = make(this.device);
    negotiate(this.registers, wanted);
    this.queue = new QueueDriver(this.registers, 0, 64, RAM_BASE, 0xc000);
    this.registers.status = 15;
  }

  /** Carries out one request. */
  async request(
    readable: Uint8Array[],
    dataBytes: number,
  ): Promise<{ status: number; data: Uint8Array; written: number }> {
    this.queue.add(readable, dataBytes > 0 ? [dataBytes, 1] : [1]);
    this.queue.notify();
    await turns();
    const [used] = this.queue.takeUsed();
    return { ...this.answer(dataBytes, used) };
  }

  private answer(dataBytes: number, used: { head: number; written: number; bytes: Uint8Array }) {
    const all = this.queue.lastWritable(used.head);
    return { status: all[dataBytes], data: all.slice(0, dataBytes), written: used.written };
  }
}

describe.each([
  ['virtio-mmio', (device: VirtioBlock): Registers => new MmioRegisters(device)],
  ['virtio-pci', (device: VirtioBlock): Registers => new PciRegisters(device, true)],
])('a block device behind %s', (_name, make) => {
  test('reads, writes and reads back', async () => {
    const rig = new Rig({}, ALL, make);
    const before = await rig.request([header(T.IN, 3)], 1024);
    expect(before).toMatchObject({ status: OK, written: 1025, data: rig.disk.bytes.slice(1536, 2560) });
    const data = new Uint8Array(1024).fill(0xa5);
    expect(await rig.request([header(T.OUT, 3), data], 0)).toMatchObject({ status: OK, written: 1 });
    expect(await rig.request([header(T.IN, 3)], 1024)).toMatchObject({ status: OK, data });
    expect(rig.registers.takeInterrupts()).toContain('queue');
  });
});

describe('a block device', () => {
  test('tells its capacity in sectors, its block size and the most segments of a request', () => {
    const { registers } = new Rig({ queues: 2 });
    expect(registers.readConfig(0, 4)).toBe(128);
    expect(registers.readConfig(12, 4)).toBe(254);
    expect(registers.readConfig(20, 4)).toBe(512);
    expect(registers.readConfig(34, 2)).toBe(2);
  });

  test('takes a header in pieces, and data in many descriptors', async () => {
    const rig = new Rig();
    const head = header(T.OUT, 1);
    const data = Uint8Array.from({ length: 512 }, (_unused, i) => i);
    await rig.request([head.slice(0, 7), head.slice(7), data.slice(0, 100), data.slice(100)], 0);
    expect(rig.disk.bytes.slice(512, 1024)).toEqual(data);
  });

  test('gives its serial number, of 20 bytes', async () => {
    const rig = new Rig({ serial: 'disk-0001' });
    const { status, data } = await rig.request([header(T.GET_ID, 0)], 20);
    expect(status).toBe(OK);
    expect(new TextDecoder().decode(data)).toBe('disk-0001'.padEnd(20, '\0'));
  });

  test('passes a flush on to its disk', async () => {
    const rig = new Rig();
    expect(await rig.request([header(T.FLUSH, 0)], 0)).toMatchObject({ status: OK });
    expect(rig.disk.asked).toEqual(['flush']);
  });

  test('flushes after every write of a driver that has not negotiated FLUSH', async () => {
    const rig = new Rig({}, 0n);
    await rig.request([header(T.OUT, 0), new Uint8Array(512)], 0);
    expect(rig.disk.asked).toEqual(['write 0 512', 'flush']);
  });

  test('discards and writes zeroes', async () => {
    const rig = new Rig();
    expect(await rig.request([header(T.DISCARD, 0), segment(8, 8)], 0)).toMatchObject({ status: OK });
    expect(await rig.request([header(T.WRITE_ZEROES, 0), segment(2, 4, 1)], 0)).toMatchObject({ status: OK });
    expect(rig.disk.asked).toEqual(['discard 4096 4096', 'zeroes 1024 2048 true']);
  });

  test.each([
    ['a read behind its end', [header(T.IN, 127)], 1024, IOERR],
    ['a read of half a sector', [header(T.IN, 0)], 100, IOERR],
    ['a read at a sector that no number holds', [header(T.IN, 0xffff_ffff_ffff_ffffn)], 512, IOERR],
    ['a write behind its end', [header(T.OUT, 128), new Uint8Array(512)], 0, IOERR],
    ['a discard behind its end', [header(T.DISCARD, 0), segment(120, 9)], 0, IOERR],
    ['two segments to discard', [header(T.DISCARD, 0), segment(0, 1), segment(1, 1)], 0, UNSUPP],
    ['unknown flags of a discard', [header(T.DISCARD, 0), segment(0, 1, 1)], 0, UNSUPP],
    ['a type that it does not know', [header(99, 0)], 0, UNSUPP],
  ] as const)('refuses %s, and touches nothing', async (_what, readable, dataBytes, status) => {
    const rig = new Rig();
    expect(await rig.request([...readable], dataBytes)).toMatchObject({ status });
    expect(rig.disk.asked).toEqual([]);
  });

  test('that is read-only says so, and refuses what changes it', async () => {
    const rig = new Rig({ disk: new MemoryDisk(4096, true) });
    expect(rig.device.features & BlockFeature.RO).toBe(BlockFeature.RO);
    expect(rig.device.features & (BlockFeature.DISCARD | BlockFeature.WRITE_ZEROES)).toBe(0n);
    for (const readable of [
      [header(T.OUT, 0), new Uint8Array(512)],
      [header(T.DISCARD, 0), segment(0, 1)],
      [header(T.WRITE_ZEROES, 0), segment(0, 1)],
    ]) {
      expect(await rig.request(readable, 0)).toMatchObject({ status: IOERR });
    }
    expect(rig.disk.asked).toEqual([]);
  });

  test('answers with an I/O error when the host fails, and tells the person once', async () => {
    const rig = new Rig();
    rig.disk.failure = new Error('the disk is full');
    const data = new Uint8Array(512);
    expect(await rig.request([header(T.OUT, 0), data], 0)).toMatchObject({ status: IOERR });
    expect(await rig.request([header(T.OUT, 0), data], 0)).toMatchObject({ status: IOERR });
    expect(rig.warnings).toEqual(['a disk in memory: the disk is full; the guest sees an I/O error']);
    rig.disk.failure = undefined;
    expect(await rig.request([header(T.OUT, 0), data], 0)).toMatchObject({ status: OK });
  });

  test('needs a reset when a request has no room for header or status', async () => {
    for (const [readable, writable] of [
      [[new Uint8Array(15)], [513]],
      [[header(T.IN, 0)], []],
    ] as const) {
      const rig = new Rig();
      rig.queue.add([...readable], [...writable]);
      rig.queue.notify();
      expect(rig.registers.status & 64).toBe(64);
    }
  });

  test('has 64 requests under way at most, and takes the others as room comes', async () => {
    const rig = new Rig({ queues: 2 });
    const second = new QueueDriver(rig.registers, 1, 64, RAM_BASE + 0xc000, 0x4000);
    rig.disk.prompt = false;
    for (let i = 0; i < 32; i++) {
      rig.queue.add([header(T.FLUSH, 0)], [1]);
      second.add([header(T.FLUSH, 0)], [1]);
      second.add([header(T.FLUSH, 0)], [1]);
    }
    rig.queue.notify();
    second.notify();
    expect(rig.disk.pending).toBe(64);
    await rig.disk.settle();
    expect(rig.disk.pending).toBe(32);
    await rig.disk.settle();
    expect(rig.queue.takeUsed()).toHaveLength(32);
    expect(second.takeUsed()).toHaveLength(64);
  });

  test('drops what is under way at a reset: nothing is written into the driver’s memory any more', async () => {
    const rig = new Rig();
    rig.disk.prompt = false;
    rig.queue.add([header(T.IN, 0)], [512, 1]);
    rig.queue.notify();
    rig.registers.status = 0;
    rig.registers.memory.ram.fill(0x77);
    await rig.disk.settle();
    expect(rig.registers.memory.ram.every((byte) => byte === 0x77)).toBe(true);
    expect(rig.device.saveState()).toEqual({ underWay: [] });
  });

  test('moves a request larger than a piece in several, each of 512 KiB at most', async () => {
    const rig = new Rig({ disk: new MemoryDisk(4 * 2 ** 20) });
    // One buffer of 16 KiB, named by 64 descriptors.
    const table = RAM_BASE + 0xf000;
    rig.queue.writeDescriptor(rig.queue.table, 0, rig.queue.allocate(header(T.OUT, 0)), 16, 1, 1);
    for (let i = 1; i < 62; i++)
      rig.queue.writeDescriptor(rig.queue.table, i, RAM_BASE + 0x4000, 0x8000, 1, i + 1);
    rig.queue.writeDescriptor(rig.queue.table, 62, table, 1, 2);
    rig.queue.offer(0);
    rig.queue.notify();
    await turns();
    expect(rig.disk.asked).toEqual([
      'write 0 524288',
      'write 524288 524288',
      'write 1048576 524288',
      'write 1572864 425984',
    ]);
    expect(rig.queue.takeUsed()).toHaveLength(1);
  });
});

describe('with the counting clock a block device', () => {
  function counting() {
    const clock = new InstructionClock(10);
    return { clock, rig: new Rig({ clock }) };
  }

  test('answers at a fixed virtual time, however fast the host is', async () => {
    const { clock, rig } = counting();
    rig.queue.add([header(T.IN, 0)], [512, 1]);
    rig.queue.notify();
    await turns();
    clock.advance(9_999);
    clock.runDue();
    expect(rig.queue.takeUsed()).toEqual([]);
    clock.advance(1);
    clock.runDue();
    expect(rig.queue.takeUsed()).toHaveLength(1);
  });

  test('holds guest time when the host is not ready by then', async () => {
    const { clock, rig } = counting();
    rig.disk.prompt = false;
    rig.queue.add([header(T.IN, 0)], [512, 1]);
    rig.queue.notify();
    clock.advance(10_000);
    clock.runDue();
    expect(clock.isHeld).toBe(true);
    await rig.disk.settle();
    expect(clock.isHeld).toBe(false);
    expect(rig.queue.takeUsed()).toHaveLength(1);
  });

  test('that was saved with a request under way answers it after the restore, at the same virtual time', async () => {
    const { clock, rig } = counting();
    const data = new Uint8Array(512).fill(9);
    rig.queue.add([header(T.OUT, 1), data], [1]);
    rig.queue.notify();
    clock.advance(5_000);
    await rig.device.drain();
    const saved = (rig.registers as MmioRegisters).mmio.saveState();

    const later = new InstructionClock(10);
    later.restoreState(clock.saveState());
    const disk = new MemoryDisk();
    const device = new VirtioBlock({ clock: later, disk });
    const registers = new MmioRegisters(device);
    registers.memory.ram.set(rig.registers.memory.ram);
    registers.mmio.restoreState(saved);
    expect(registers.mmio.saveState()).toEqual(saved);
    await turns();
    later.advance(4_999);
    later.runDue();
    expect(registers.read(0x60)).toBe(0);
    later.advance(1);
    later.runDue();
    expect(registers.read(0x60)).toBe(1);
    expect(disk.bytes.slice(512, 1024)).toEqual(data);
  });
});

test('a state of another device is refused', () => {
  const block = new Rig().registers as MmioRegisters;
  const saved = block.mmio.saveState();
  const other = new MmioRegisters(
    new VirtioBlock({ clock: new HostClock(() => 0), disk: new MemoryDisk(), queues: 2 }),
  );
  expect(() => other.mmio.restoreState(saved)).toThrow(
    'virtio-blk with 1 queues is no state of virtio-blk with 2',
  );
});
