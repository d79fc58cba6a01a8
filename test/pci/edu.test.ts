import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EduOptions, edu } from '../../src/pci/edu.ts';
import { MASTER, MEMORY, RAM_BASE, TestBus } from './support.ts';

const BAR = 0x1000_0000;
const BUFFER = 0x40000;

function powered(options: EduOptions = { dmaMask: 0xffff_ffff }) {
  const bus = new TestBus();
  const endpoint = edu(options);
  const fn = bus.plug(endpoint);
  fn.write(0x10, BAR);
  fn.command = MEMORY | MASTER;
  const write = (offset: number, value: number) => bus.writeMemory(BAR + offset, value);
  const read = (offset: number) => bus.readMemory(BAR + offset);
  const transfer = (source: number, destination: number, count: number, command: number) => {
    bus.writeMemory64(BAR + 0x80, BigInt(source));
    bus.writeMemory64(BAR + 0x88, BigInt(destination));
    bus.writeMemory64(BAR + 0x90, BigInt(count));
    write(0x98, command);
    bus.clock.advance(1e6);
  };
  return { bus, endpoint, fn, write, read, transfer };
}

describe('edu', () => {
  it('takes its latency, in virtual time, and shows that it is busy until then', () => {
    const { bus, read, write } = powered({ latencyNs: 500 });
    write(0x20, 0x80);
    write(0x08, 10);
    bus.clock.advance(499);
    expect(read(0x20)).toBe(0x81);
    write(0x08, 3);
    bus.clock.advance(1);
    expect(read(0x20)).toBe(0x80);
    expect(read(0x08)).toBe(3628800);
    expect(read(0x24)).toBe(1);
  });

  it('computes the factorial of the largest number at once', () => {
    const { bus, read, write } = powered();
    write(0x08, 0xffffffff);
    bus.clock.advance(1e6);
    expect(read(0x08)).toBe(0);
  });

  it('moves its whole buffer', () => {
    const { bus, transfer } = powered();
    for (let i = 0; i < 4096; i++) bus.memory.ram[i] = i * 13;
    transfer(RAM_BASE, BUFFER, 4096, 1);
    transfer(BUFFER, RAM_BASE + 0x2000, 4096, 3);
    expect(bus.memory.ram.subarray(0x2000, 0x3000)).toEqual(bus.memory.ram.subarray(0, 0x1000));
  });

  it('has 28 bits of DMA address by default: RAM at 1 GiB is out of its reach', () => {
    const { bus, endpoint, transfer } = powered({});
    bus.memory.ram.fill(0xaa);
    transfer(RAM_BASE, BUFFER, 4, 1);
    expect(endpoint.state.buffer[0]).toBe(0);
  });

  it('raises its interrupt and ends its command even when the transfer reached nothing', () => {
    const { fn, read, transfer } = powered();
    transfer(0x100, BUFFER, 16, 5);
    expect(read(0x98)).toBe(4);
    expect(read(0x24)).toBe(0x100);
    expect(fn.status & 0x2000).toBe(0x2000);
  });

  it('never leaves its buffer, whatever source, destination and count are', () => {
    const wide = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 0x3fff0n, max: 0x41010n }),
      fc.constantFrom(0n, 0x40000n, 0x40fffn, 0x41000n, 2n ** 63n, 2n ** 64n - 1n),
    );
    const anyCount = fc.oneof(wide, fc.bigInt({ min: 0n, max: 4100n }));
    fc.assert(
      fc.property(
        wide,
        wide,
        anyCount,
        fc.integer({ min: 0, max: 15 }),
        (source, destination, count, command) => {
          const { bus, endpoint, read, write } = powered({ dmaMask: 2n ** 64n - 1n });
          bus.memory.ram.fill(0x11);
          endpoint.state.buffer.fill(0x22);
          bus.writeMemory64(BAR + 0x80, source);
          bus.writeMemory64(BAR + 0x88, destination);
          bus.writeMemory64(BAR + 0x90, count);
          write(0x98, command);
          bus.clock.advance(1e6);
          expect(read(0x98) & 1).toBe(0);
          const toMemory = (command & 2) !== 0;
          const inBuffer = toMemory ? source : destination;
          if (inBuffer < 0x40000n || inBuffer + count > 0x41000n) {
            expect(bus.memory.streams).toEqual([]);
            expect(endpoint.state.buffer.every((byte) => byte === 0x22)).toBe(true);
          }
        },
      ),
    );
  });

  it('forgets everything at a reset, also what was under way', () => {
    const { bus, endpoint, fn, read, write } = powered();
    write(0x04, 0x1234);
    write(0x60, 7);
    write(0x80, 0x1000);
    write(0x98, 5);
    write(0x08, 5);
    endpoint.state.buffer.fill(9);
    bus.bridge.reset();
    bus.clock.advance(1e6);
    expect(bus.lines).toEqual([false, false, false, false]);
    fn.write(0x10, BAR);
    fn.command = MEMORY;
    expect([0x04, 0x08, 0x20, 0x24, 0x80, 0x98].map(read)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(endpoint.state.buffer.every((byte) => byte === 0)).toBe(true);
  });

  it('does nothing any more once it is unplugged', () => {
    const { bus, endpoint, write } = powered();
    write(0x80, RAM_BASE);
    write(0x88, BUFFER);
    write(0x90, 16);
    write(0x98, 5);
    bus.bridge.unplug(endpoint);
    bus.clock.advance(1e6);
    expect(bus.memory.streams).toEqual([]);
    expect(bus.takeLineChanges()).toEqual([]);
    expect(endpoint.state.command).toBe(5n);
  });

  it('goes on from a saved state: its registers, its buffer, and what is under way', () => {
    const from = powered();
    from.write(0x04, 0x1234);
    from.write(0x20, 0x80);
    from.write(0x08, 5);
    from.endpoint.state.buffer.fill(9);
    const state = from.endpoint.saveState();
    from.endpoint.reset();
    const to = powered();
    to.endpoint.restoreState(state);
    expect(to.read(0x04)).toBe(~0x1234 >>> 0);
    expect(to.endpoint.state.buffer[0]).toBe(9);
    expect(to.read(0x20) & 1).toBe(1);
    to.bus.clock.advance(1e6);
    expect([to.read(0x08), to.read(0x24)]).toEqual([120, 1]);
  });
});
