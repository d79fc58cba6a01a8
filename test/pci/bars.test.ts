import { describe, expect, it } from 'vitest';
import { EndpointError } from '../../src/errors.ts';
import type { BarDescription } from '../../src/pci/endpoint.ts';
import { IO, MEMORY, TestBus, TestEndpoint } from './support.ts';

/** What an access of 4 bytes to `offset` of BAR `bar` of a TestEndpoint answers. */
const answer = (bar: number, offset: number, deviceId = 0x1234) => (deviceId << 16) | (bar << 12) | offset;

function plugged(...bars: BarDescription[]) {
  const bus = new TestBus();
  const endpoint = new TestEndpoint({ bars });
  return { bus, endpoint, fn: bus.plug(endpoint) };
}

describe('sizing a base address register (PCI 3.0 6.2.5.1)', () => {
  const sized = (bar: BarDescription) => {
    const { fn } = plugged(bar);
    const at = 0x10 + 4 * bar.index;
    fn.write(at, 0xffffffff);
    if (bar.kind === 'memory64') fn.write(at + 4, 0xffffffff);
    return bar.kind === 'memory64' ? [fn.read(at), fn.read(at + 4)] : [fn.read(at)];
  };

  it('a 32-bit memory BAR returns its size in the writable bits and 0 in the low four', () => {
    expect(sized({ index: 0, kind: 'memory32', size: 0x1000 })).toEqual([0xfffff000]);
    expect(sized({ index: 3, kind: 'memory32', size: 16 })).toEqual([0xfffffff0]);
  });

  it('a prefetchable BAR has bit 3 set', () => {
    expect(sized({ index: 0, kind: 'memory32', size: 0x100000, prefetchable: true })).toEqual([0xfff00008]);
  });

  it('a 64-bit BAR says so in bits 2:1 and sizes over both registers', () => {
    expect(sized({ index: 2, kind: 'memory64', size: 0x4000, prefetchable: true })).toEqual([
      0xffffc00c, 0xffffffff,
    ]);
  });

  it('a 64-bit BAR of 256 MiB keeps its low 28 bits at zero', () => {
    expect(sized({ index: 0, kind: 'memory64', size: 2 ** 28 })).toEqual([0xf0000004, 0xffffffff]);
  });

  it('an I/O BAR has bit 0 set and bit 1 zero', () => {
    expect(sized({ index: 5, kind: 'io', size: 32 })).toEqual([0xffffffe1]);
    expect(sized({ index: 0, kind: 'io', size: 4 })).toEqual([0xfffffffd]);
  });

  it('an unimplemented BAR is hardwired to zero', () => {
    const { fn } = plugged({ index: 0, kind: 'memory32', size: 16 });
    for (let at = 0x14; at <= 0x30; at += 4) {
      if (at >= 0x28 && at < 0x30) continue;
      fn.write(at, 0xffffffff);
      expect(fn.read(at)).toBe(0);
    }
  });

  it('can be done a byte at a time', () => {
    const { fn } = plugged({ index: 0, kind: 'memory32', size: 0x10000 });
    for (let i = 0; i < 4; i++) fn.write(0x10 + i, 0xff, 1);
    expect(fn.read(0x10)).toBe(0xffff0000);
    fn.write(0x12, 0x1000, 2);
    expect(fn.read(0x10)).toBe(0x10000000);
  });
});

describe('decoding', () => {
  it('starts with Memory Space enable and ends with it', () => {
    const { bus, fn } = plugged({ index: 0, kind: 'memory32', size: 0x1000 });
    fn.write(0x10, 0x1000_0000);
    expect(bus.readMemory(0x1000_0010)).toBe(0xffffffff);
    fn.command = MEMORY;
    expect(bus.readMemory(0x1000_0010)).toBe(answer(0, 0x10));
    fn.command = IO;
    expect(bus.readMemory(0x1000_0010)).toBe(0xffffffff);
  });

  it('of I/O needs I/O Space enable', () => {
    const { bus, fn } = plugged({ index: 1, kind: 'io', size: 64 });
    fn.write(0x14, 0x1000);
    fn.command = MEMORY;
    expect(bus.readIo(0x1004)).toBe(0xffffffff);
    fn.command = IO;
    expect(bus.readIo(0x1004)).toBe(answer(1, 4));
    expect(bus.readIo(0x1040)).toBe(0xffffffff);
  });

  it('follows a BAR that moves while it is enabled', () => {
    const { bus, fn } = plugged({ index: 0, kind: 'memory32', size: 0x1000 });
    fn.command = MEMORY;
    fn.write(0x10, 0x1000_0000);
    expect(bus.readMemory(0x1000_0000)).toBe(answer(0, 0));
    fn.write(0x10, 0x2000_0000);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    expect(bus.readMemory(0x2000_0000)).toBe(answer(0, 0));
  });

  it('is nowhere while software sizes an enabled BAR', () => {
    const { bus, fn } = plugged({ index: 0, kind: 'memory32', size: 0x1000 });
    fn.command = MEMORY;
    fn.write(0x10, 0x1000_0000);
    fn.write(0x10, 0xffffffff);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    fn.write(0x10, 0x1000_0000);
    expect(bus.readMemory(0x1000_0000)).toBe(answer(0, 0));
  });

  it('of a 64-bit BAR above the window answers nothing in it', () => {
    const { bus, fn } = plugged({ index: 0, kind: 'memory64', size: 0x1000 });
    fn.command = MEMORY;
    fn.write(0x10, 0x1000_0000);
    fn.write(0x14, 1);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    fn.write(0x14, 0);
    expect(bus.readMemory(0x1000_0000)).toBe(answer(0, 0));
    fn.write(0x14, 0xffffffff);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
  });

  it('of a BAR partly in the window answers in that part', () => {
    const { bus, fn } = plugged({ index: 0, kind: 'memory32', size: 0x2_0000 });
    fn.command = MEMORY;
    fn.write(0x10, 0x3efe_0000);
    expect(bus.readMemory(0x3efe_fffc)).toBe(answer(0, 0xffc));
  });

  it('passes sizes and values, and the offset into the BAR', () => {
    const { bus, endpoint, fn } = plugged({ index: 4, kind: 'memory32', size: 0x1000 });
    fn.write(0x20, 0x1234_5000);
    fn.command = MEMORY;
    bus.readMemory(0x1234_5001, 1);
    bus.readMemory(0x1234_5ffe, 2);
    bus.writeMemory(0x1234_5008, 0xdeadbeef);
    expect(endpoint.accesses).toEqual(['read 4 1 1', 'read 4 4094 2', 'write 4 8 4 3735928559']);
  });

  it('makes two accesses of 4 bytes, the lower first, of one of 8 for an endpoint that has no wider ones', () => {
    const { bus, endpoint, fn } = plugged({ index: 0, kind: 'memory32', size: 0x1000 });
    fn.write(0x10, 0x1000_0000);
    fn.command = MEMORY;
    expect(bus.readMemory64(0x1000_0008)).toBe((BigInt(answer(0, 12)) << 32n) | BigInt(answer(0, 8)));
    bus.writeMemory64(0x1000_0010, 0x1122334455667788n);
    expect(endpoint.accesses.slice(2)).toEqual([`write 0 16 4 ${0x55667788}`, `write 0 20 4 ${0x11223344}`]);
  });

  it('gives an access across the end of a BAR to nobody', () => {
    const { bus, endpoint, fn } = plugged({ index: 0, kind: 'memory32', size: 16 });
    fn.write(0x10, 0x1000_0000);
    fn.command = MEMORY;
    expect(bus.readMemory(0x1000_000e)).toBe(0xffffffff);
    bus.writeMemory(0x1000_000e, 0);
    expect(endpoint.accesses).toEqual([]);
  });
});

describe('overlapping BARs', () => {
  it('of two functions: the lower device number answers, in whichever order they were programmed', () => {
    const bus = new TestBus();
    const bars: BarDescription[] = [{ index: 0, kind: 'memory32', size: 0x1000 }];
    const low = bus.plug(new TestEndpoint({ deviceId: 1, bars }), 3);
    const high = bus.plug(
      new TestEndpoint({ deviceId: 2, bars: [{ index: 0, kind: 'memory32', size: 0x4000 }] }),
      4,
    );
    high.write(0x10, 0x1000_0000);
    high.command = MEMORY;
    expect(bus.readMemory(0x1000_1000)).toBe(answer(0, 0, 2));
    low.write(0x10, 0x1000_1000);
    low.command = MEMORY;
    expect(bus.readMemory(0x1000_1000)).toBe(answer(0, 0, 1));
    expect(bus.readMemory(0x1000_0ffc)).toBe(answer(0, 0xffc, 2));
    expect(bus.readMemory(0x1000_2ffc)).toBe(answer(0, 0xffc, 2));
    low.command = 0;
    expect(bus.readMemory(0x1000_1000)).toBe(answer(0, 0, 2));
  });

  it('of one function: the lower BAR number answers', () => {
    const { bus, fn } = plugged(
      { index: 2, kind: 'memory32', size: 0x1000 },
      { index: 0, kind: 'memory32', size: 0x100 },
    );
    fn.write(0x10, 0x1000_0000);
    fn.write(0x18, 0x1000_0000);
    fn.command = MEMORY;
    expect(bus.readMemory(0x1000_00fc)).toBe(answer(0, 0xfc));
    expect(bus.readMemory(0x1000_0100)).toBe(answer(2, 0x100));
  });
});

describe('a description that PCI can not express is refused', () => {
  const refused: [string, BarDescription[]][] = [
    ['a size that is no power of two', [{ index: 0, kind: 'memory32', size: 0x1800 }]],
    ['a size that is almost a power of two', [{ index: 0, kind: 'memory64', size: 2 ** 52 - 1 }]],
    ['a memory BAR under 16 bytes', [{ index: 0, kind: 'memory32', size: 8 }]],
    ['an I/O BAR under 4 bytes', [{ index: 0, kind: 'io', size: 2 }]],
    ['no size', [{ index: 0, kind: 'memory32', size: 0 }]],
    ['a 32-bit BAR of 4 GiB', [{ index: 0, kind: 'memory32', size: 2 ** 32 }]],
    ['a seventh BAR', [{ index: 6, kind: 'memory32', size: 16 }]],
    ['a 64-bit BAR without a second half', [{ index: 5, kind: 'memory64', size: 16 }]],
    [
      'a BAR in the upper half of another',
      [
        { index: 0, kind: 'memory64', size: 16 },
        { index: 1, kind: 'io', size: 16 },
      ],
    ],
  ];
  it.each(refused)('%s', (_what, bars) => {
    expect(() => plugged(...bars)).toThrow(EndpointError);
  });
});
