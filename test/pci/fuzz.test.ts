import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edu } from '../../src/pci/edu.ts';
import type { AccessSize } from '../../src/ports/mmio.ts';
import { cpu, type Driver, IO_WINDOW, MEMORY_WINDOW, TestBus, TestEndpoint } from './support.ts';

/** A function with everything that a description can have, one with little, and edu. */
function populated() {
  const bus = new TestBus();
  const full = new TestEndpoint({
    interruptPin: 1,
    bars: [
      { index: 0, kind: 'memory64', size: 0x4000, prefetchable: true },
      { index: 2, kind: 'io', size: 32 },
      { index: 3, kind: 'memory32', size: 0x1000 },
      { index: 5, kind: 'memory32', size: 16 },
    ],
    powerManagement: true,
    pcie: true,
    functionLevelReset: true,
    msi: { vectors: 8, is64Bit: true, maskable: true },
    msix: { vectors: 65, tableBar: 0, tableOffset: 0x1000, pbaBar: 3, pbaOffset: 0x800 },
    extraCapabilities: [{ id: 0x09, bytes: new Uint8Array(9) }],
  });
  const small = new TestEndpoint({ interruptPin: 4, bars: [{ index: 1, kind: 'memory32', size: 0x100000 }] });
  const device = edu();
  const drivers = [full, small, device].map((endpoint) => bus.plug(endpoint));
  return { bus, full, small, drivers };
}

const size = fc.constantFrom<AccessSize>(1, 2, 4);
const value = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 7, 0xffffffff, 0x1000_0000, 0x1000_1000, 0x3efe_f000, 0x8000, 0xc000, 3),
);
const access = fc.record({
  space: fc.constantFrom('config', 'memory', 'io', 'signal', 'pin', 'eoi'),
  function: fc.integer({ min: 0, max: 2 }),
  offset: fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0xfff })),
  place: fc.oneof(fc.integer({ min: 0, max: 0x6000 }), fc.integer({ min: 0, max: MEMORY_WINDOW.size - 1 })),
  size,
  value,
  write: fc.boolean(),
});

function fits(answer: number, width: AccessSize): boolean {
  return Number.isInteger(answer) && answer >= 0 && answer < 2 ** (8 * width);
}

describe('whatever a guest does to the bus', () => {
  it('nothing throws, every answer fits its size, and what must hold still holds', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 120 }), (accesses) => {
        const { bus, full, drivers } = populated();
        const identities = drivers.map((fn) => [fn.read(0), fn.read(8)]);
        const lists = drivers.map((fn) => fn.capabilities());
        const mayMaster = (fn: Driver) => {
          const pm = lists[drivers.indexOf(fn)].find((c) => c.id === 1);
          return (fn.read(4, 2) & 4) !== 0 && (pm === undefined || (fn.read(pm.offset + 4, 1) & 3) === 0);
        };
        for (const a of accesses) {
          const fn = drivers[a.function];
          const before = bus.memory.streams.length;
          switch (a.space) {
            case 'config':
              if (a.write) fn.write(a.offset, a.value, a.size);
              else expect(fits(fn.read(a.offset, a.size), a.size)).toBe(true);
              break;
            case 'memory':
              if (a.write) bus.bridge.memoryWindow.write(a.place, a.size, a.value, cpu);
              else expect(fits(bus.bridge.memoryWindow.read(a.place, a.size, cpu), a.size)).toBe(true);
              break;
            case 'io':
              if (a.write) bus.bridge.ioWindow.write(a.place % IO_WINDOW.size, a.size, a.value, cpu);
              else
                expect(fits(bus.bridge.ioWindow.read(a.place % IO_WINDOW.size, a.size, cpu), a.size)).toBe(
                  true,
                );
              break;
            case 'signal':
              full.port.signalMsi(a.offset % 70);
              break;
            case 'pin':
              full.port.setIntx(a.write);
              break;
            default:
              bus.bridge.intxEndOfInterrupt(a.offset & 3);
          }
          bus.clock.advance(1000);
          const masters = drivers.filter(mayMaster).map((d) => d.bdf);
          const used = bus.memory.streams.slice(before);
          // A write that turns bus master off may have sent nothing; one that sent may not have turned it off.
          for (const stream of used) expect(masters).toContain(stream);
        }
        expect(drivers.map((fn) => [fn.read(0), fn.read(8)])).toEqual(identities);
        expect(drivers.map((fn) => fn.capabilities())).toEqual(lists);
      }),
      { numRuns: 300 },
    );
  });

  it('a line is high exactly while some function may and wants to drive it', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ who: fc.boolean(), what: fc.nat(5), on: fc.boolean() })), (steps) => {
        const bus = new TestBus();
        const make = () =>
          new TestEndpoint({
            interruptPin: 1,
            powerManagement: true,
            msi: { vectors: 1, is64Bit: false, maskable: false },
          });
        const ends = [make(), make()];
        // Device numbers 1 and 5 share line 1.
        const fns = [bus.plug(ends[0], 1), bus.plug(ends[1], 5)];
        const wants = [false, false];
        for (const { who, what, on } of steps) {
          const i = who ? 1 : 0;
          if (what === 0) fns[i].command = on ? 0x400 : 0;
          else if (what === 1) fns[i].write(fns[i].capability(5) + 2, on ? 1 : 0, 2);
          else if (what === 2) fns[i].write(fns[i].capability(1) + 4, on ? 3 : 0, 2);
          else {
            ends[i].port.setIntx(on);
            wants[i] = on;
          }
          const drives = fns.map(
            (fn, n) =>
              wants[n] &&
              (fn.read(4, 2) & 0x400) === 0 &&
              (fn.read(fn.capability(5) + 2, 2) & 1) === 0 &&
              (fn.read(fn.capability(1) + 4, 2) & 3) === 0,
          );
          expect(bus.lines).toEqual([false, drives.includes(true), false, false]);
        }
      }),
    );
  });

  it('a read reaches the BAR that a search through all of them finds', () => {
    const place = fc
      .integer({ min: 0x1000_0000 / 0x1000, max: 0x1000_8000 / 0x1000 })
      .map((page) => page * 0x1000);
    fc.assert(
      fc.property(fc.array(fc.tuple(place, fc.nat(3)), { minLength: 3, maxLength: 3 }), (layout) => {
        const bus = new TestBus();
        const placed = layout.map(([wanted, order], n) => {
          const barSize = 0x400 << order;
          const fn = bus.plug(
            new TestEndpoint({ deviceId: n + 1, bars: [{ index: 0, kind: 'memory32', size: barSize }] }),
          );
          fn.write(0x10, wanted);
          fn.command = 2;
          return { start: fn.read(0x10), end: fn.read(0x10) + barSize, id: n + 1 };
        });
        for (let at = 0x1000_0000; at < 0x1000_a000; at += 0x200) {
          const owner = placed.find((p) => at >= p.start && at < p.end);
          const expected = owner === undefined ? 0xffffffff : (owner.id << 16) | ((at - owner.start) & 0xfff);
          expect(bus.readMemory(at)).toBe(expected);
        }
      }),
    );
  });
});
