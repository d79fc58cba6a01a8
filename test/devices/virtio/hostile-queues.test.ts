import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtioFeature } from '../../../src/devices/virtio/virtio-device.ts';
import { MAX_CHAIN_LENGTH } from '../../../src/devices/virtio/virtqueue.ts';
import { MmioRegisters, PciRegisters, QueueDriver, RAM_BASE, startedQueue } from './driver.ts';
import { EchoDevice } from './echo-device.ts';

const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NEEDS_RESET = 64;
const INDIRECT_DESC = VirtioFeature.RING_INDIRECT_DESC;

function started(features = INDIRECT_DESC) {
  const device = new EchoDevice();
  const registers = new MmioRegisters(device);
  const queue = startedQueue(registers, features);
  const outcome = () => {
    queue.notify();
    return {
      handled: device.handled,
      broken: (registers.status & NEEDS_RESET) !== 0,
      said: registers.log.errors.join('\n'),
    };
  };
  return { device, registers, queue, outcome };
}

describe('a queue that breaks a rule needs a reset:', () => {
  test('a chain of descriptors with a loop', () => {
    const { queue, outcome } = started();
    for (let i = 0; i < 8; i++) queue.writeDescriptor(queue.table, i, RAM_BASE, 1, NEXT, (i + 1) % 8);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true, said: expect.stringContaining('loop') });
  });

  test('a next descriptor that is not there', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE, 1, NEXT, 8);
    queue.offer(0);
    expect(outcome()).toMatchObject({ broken: true, said: expect.stringContaining('no descriptor 8') });
  });

  test('a buffer of no bytes', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE, 0, 0);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true });
  });

  test('a buffer outside of memory', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, 0xffff_ffff_f000, 16, NEXT, 1);
    queue.writeDescriptor(queue.table, 1, RAM_BASE, 16, WRITE);
    queue.offer(0);
    expect(outcome()).toMatchObject({ broken: true, said: expect.stringContaining('not in memory') });
  });

  test('a buffer that ends outside of memory', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE + 0xfff0, 17, NEXT, 1);
    queue.writeDescriptor(queue.table, 1, RAM_BASE, 32, WRITE);
    queue.offer(0);
    expect(outcome()).toMatchObject({ broken: true });
  });

  test('buffers of more than 4 GiB in one chain', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE, 0xffff_ffff, NEXT, 1);
    queue.writeDescriptor(queue.table, 1, RAM_BASE, 2, NEXT, 2);
    queue.writeDescriptor(queue.table, 2, RAM_BASE, 1, WRITE);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true, said: expect.stringContaining('4 GiB') });
  });

  test('a buffer to read after one to write', () => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE, 1, NEXT | WRITE, 1);
    queue.writeDescriptor(queue.table, 1, RAM_BASE, 1, 0);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true });
  });

  test('an available index that jumps by more than the queue holds', () => {
    const { registers, queue, outcome } = started();
    new DataView(registers.memory.ram.buffer).setUint16(queue.available - RAM_BASE + 2, 9, true);
    expect(outcome()).toMatchObject({
      handled: 0,
      broken: true,
      said: expect.stringContaining('jumped to 9'),
    });
  });

  test.each([
    ['descriptor table', [0, RAM_BASE + 0x100, RAM_BASE + 0x200]],
    ['available ring', [RAM_BASE, 0, RAM_BASE + 0x200]],
    ['used ring', [RAM_BASE, RAM_BASE + 0x100, 0xffff_ffff_ffff_0000]],
  ] as const)('a %s outside of memory', (what, [table, available, used]) => {
    const { device, registers } = started();
    registers.setUpQueue(1, 4, table, available, used);
    const view = new DataView(registers.memory.ram.buffer);
    view.setBigUint64(0, BigInt(RAM_BASE), true);
    view.setUint32(8, 1, true);
    view.setUint16(0x102, 1, true);
    registers.notify(1);
    expect(registers.status & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(registers.log.errors.join()).toContain(`${what} is not in memory`);
    expect(device.handled).toBeLessThan(2);
  });

  test.each([
    ['of 24 bytes', 24, INDIRECT],
    ['of no bytes', 0, INDIRECT],
    ['that has a next one', 16, INDIRECT | NEXT],
  ])('an indirect descriptor %s', (_what, length, flags) => {
    const { queue, outcome } = started();
    queue.writeDescriptor(queue.table, 0, RAM_BASE + 0x4000, length, flags, 1);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true });
  });

  test('an indirect descriptor in an indirect table', () => {
    const { queue, outcome } = started();
    const table = RAM_BASE + 0x4000;
    queue.writeDescriptor(queue.table, 0, table, 16, INDIRECT);
    queue.writeDescriptor(table, 0, table, 16, INDIRECT);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true });
  });

  test('an indirect descriptor that was not negotiated', () => {
    const { queue, outcome } = started(0n);
    queue.writeDescriptor(queue.table, 0, RAM_BASE + 0x4000, 16, INDIRECT);
    queue.writeDescriptor(RAM_BASE + 0x4000, 0, RAM_BASE, 1, 0);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true });
  });

  test('an indirect table with a loop', () => {
    const { queue, outcome } = started();
    const table = RAM_BASE + 0x4000;
    queue.writeDescriptor(queue.table, 0, table, 2 ** 31, INDIRECT);
    for (let i = 0; i < 4; i++) queue.writeDescriptor(table, i, RAM_BASE, 1, NEXT, (i + 1) % 4);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 0, broken: true, said: expect.stringContaining('too long') });
  });
});

describe('a queue with the negotiated features', () => {
  test('takes an indirect table after direct descriptors', () => {
    const { device, queue, outcome } = started();
    const table = RAM_BASE + 0x4000;
    queue.writeDescriptor(queue.table, 0, queue.allocate(Uint8Array.of(1)), 1, NEXT, 3);
    queue.writeDescriptor(queue.table, 3, table, 32, INDIRECT);
    queue.writeDescriptor(table, 0, queue.allocate(Uint8Array.of(2)), 1, NEXT, 1);
    queue.writeDescriptor(table, 1, RAM_BASE + 0x6000, 8, WRITE);
    queue.offer(0);
    expect(outcome()).toMatchObject({ handled: 1, broken: false });
    expect(queue.takeUsed()).toMatchObject([{ head: 0, written: 2 }]);
    expect([...device.port.queues.map((q) => q.state.nextUsed)]).toEqual([1, 0]);
  });

  test(`takes a chain of ${MAX_CHAIN_LENGTH} descriptors, and none that is longer`, () => {
    for (const [length, taken] of [
      [MAX_CHAIN_LENGTH, 1],
      [MAX_CHAIN_LENGTH + 1, 0],
    ]) {
      const { queue, outcome } = started();
      const table = RAM_BASE + 0x4000;
      queue.writeDescriptor(queue.table, 0, table, 16 * length, INDIRECT);
      for (let i = 0; i < length; i++) {
        queue.writeDescriptor(table, i, RAM_BASE, 1, i + 1 < length ? NEXT : 0, i + 1);
      }
      queue.offer(0);
      expect(outcome()).toMatchObject({ handled: taken, broken: taken === 0 });
    }
  });

  test('interrupts not while the driver asked for none', () => {
    const { registers, queue } = started();
    queue.availableFlags = 1;
    queue.add([Uint8Array.of(1)], [1]);
    queue.notify();
    expect(registers.takeInterrupts()).toEqual([]);
    queue.availableFlags = 0;
    queue.add([Uint8Array.of(1)], [1]);
    queue.notify();
    expect(registers.takeInterrupts()).toEqual(['queue']);
  });

  test('interrupts with the event index when used_event is passed, and asks for the next notification by avail_event', () => {
    const { registers, queue } = started(VirtioFeature.RING_EVENT_IDX);
    queue.usedEvent = 2;
    const interrupts: number[] = [];
    for (let i = 0; i < 5; i++) {
      queue.add([Uint8Array.of(1)], [1]);
      queue.notify();
      interrupts.push(registers.takeInterrupts().length);
      expect(queue.availableEvent).toBe(i + 1);
    }
    expect(interrupts).toEqual([0, 0, 1, 0, 0]);
  });

  test('goes on after a save in a new device, at the very next request', () => {
    const first = started(VirtioFeature.RING_EVENT_IDX);
    first.queue.add([Uint8Array.of(1)], [1]);
    first.queue.notify();
    const second = new EchoDevice();
    const registers = new MmioRegisters(second);
    registers.mmio.restoreState(first.registers.mmio.saveState());
    registers.memory.ram.set(first.registers.memory.ram);
    expect(registers.mmio.saveState()).toEqual(first.registers.mmio.saveState());
    expect(second.startedWith).toBe(VirtioFeature.RING_EVENT_IDX | VirtioFeature.VERSION_1);
    first.queue.add([Uint8Array.of(7)], [1]);
    registers.memory.ram.set(first.registers.memory.ram);
    registers.notify(0);
    expect(second.handled).toBe(2);
    expect(registers.status & NEEDS_RESET).toBe(0);
  });

  test('goes on after a save on PCI too', () => {
    const device = new EchoDevice();
    const first = new PciRegisters(device, true);
    const queue = startedQueue(first);
    queue.add([Uint8Array.of(1)], [1]);
    queue.notify();
    const other = new EchoDevice();
    const second = new PciRegisters(other, true);
    second.bus.bridge.restoreState(first.bus.bridge.saveState());
    second.memory.ram.set(first.memory.ram);
    expect(second.bus.bridge.saveState()).toEqual(first.bus.bridge.saveState());
    queue.add([Uint8Array.of(7)], [1]);
    second.memory.ram.set(first.memory.ram);
    second.notify(0);
    expect(other.handled).toBe(2);
    expect(second.takeInterrupts()).toEqual(['queue']);
  });
});

describe('whatever a guest writes', () => {
  const word = fc.oneof(
    fc.nat(0xffff),
    fc.nat({ max: 0xffff_ffff }),
    fc.integer({ min: RAM_BASE, max: RAM_BASE + 0xffff }),
    fc.constantFrom(0, 1, 8, 0xffff_ffff, 0x8000_0000),
  );
  const ringWords = fc.array(fc.tuple(fc.nat(0x7ff), word), { maxLength: 60 });

  test('into its rings, the device answers or needs a reset', () => {
    fc.assert(
      fc.property(ringWords, fc.nat(0xffff), fc.boolean(), (writes, index, pci) => {
        const device = new EchoDevice();
        const registers = pci ? new PciRegisters(device) : new MmioRegisters(device);
        const queue = startedQueue(registers, INDIRECT_DESC | VirtioFeature.RING_EVENT_IDX);
        const view = new DataView(registers.memory.ram.buffer);
        for (const [at, value] of writes) view.setUint32(4 * at, value, true);
        view.setUint16(queue.available - RAM_BASE + 2, index & 7, true);
        for (let i = 0; i < 4; i++) queue.notify();
        expect(device.handled).toBeLessThanOrEqual(4 * queue.size);
      }),
      { numRuns: 400 },
    );
  });

  test('into its registers, the device goes on to work after a reset', () => {
    const access = fc.tuple(fc.nat(0x120), fc.constantFrom(1, 2, 4), word, fc.boolean());
    fc.assert(
      fc.property(fc.array(access, { maxLength: 80 }), (accesses) => {
        const device = new EchoDevice();
        const registers = new MmioRegisters(device);
        for (const [offset, size, value, write] of accesses) {
          if (write) registers.write(offset, value, size as 1 | 2 | 4);
          else expect(registers.read(offset, size as 1 | 2 | 4)).toBeGreaterThanOrEqual(0);
        }
        const queue = startedQueue(registers);
        queue.add([Uint8Array.of(1)], [1]);
        queue.notify();
        expect(queue.takeUsed()).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('rings that lie in the device’s own buffers end', () => {
    const { device, registers } = started();
    // The available index lies where the device writes: each request makes another one available.
    registers.status = 0;
    const queue = startedQueue(registers, 0n);
    const index = queue.available + 2;
    queue.writeDescriptor(queue.table, 0, RAM_BASE + 0x8000, 2, NEXT, 1);
    queue.writeDescriptor(queue.table, 1, index, 2, WRITE);
    registers.memory.ram.set([0xfe, 0xff], 0x8000);
    for (let i = 0; i < 2; i++) queue.offer(0);
    queue.notify();
    expect(device.handled).toBeLessThanOrEqual(queue.size);
  });
});

test('a queue that is set up twice starts from its first entry again', () => {
  const { registers } = started();
  const queue = startedQueue(registers);
  queue.add([Uint8Array.of(1)], [1]);
  queue.notify();
  registers.write(0x30, 0);
  registers.write(0x44, 0);
  const again = new QueueDriver(registers, 0, 4, RAM_BASE + 0x8000);
  again.add([Uint8Array.of(2)], [1]);
  again.notify();
  expect(again.takeUsed()).toMatchObject([{ written: 1 }]);
});
