import { describe, expect, test } from 'vitest';
import { type LongWalkRegime, longTableOf, walkLong } from '../../src/vmsa/long-descriptor.ts';
import { FaultKind, WalkResult } from '../../src/vmsa/walk.ts';
import { FakeMemory, rightsOf } from './support.ts';

const FIRST = 0x8000_0020;
const SECOND = 0x8000_1000;
const THIRD = 0x8000_2000;
const OTHER = 0x9000_0000;
const EPD0 = 1 << 7;
const EPD1 = 1 << 23;
const AF = 1n << 10n;
const TABLE = 3n;
const BLOCK = 1n;
const PAGE = 3n;

const REGIME: LongWalkRegime = {
  ttbr0: FIRST,
  ttbr0High: 0,
  ttbr1: OTHER,
  ttbr1High: 0,
  ttbcr: 0,
  bigEndianTables: false,
};

/** Doublewords by address. */
function memoryOf(descriptors: Readonly<Record<number, bigint>> = {}): FakeMemory {
  const memory = new FakeMemory();
  for (const [address, value] of Object.entries(descriptors)) {
    memory.words.set(Number(address), Number(value & 0xffff_ffffn));
    memory.words.set(Number(address) + 4, Number(value >> 32n));
  }
  return memory;
}

function walk(va: number, memory: FakeMemory, regime: Partial<LongWalkRegime> = {}): WalkResult {
  const result = new WalkResult();
  // What an earlier walk has left must not show.
  Object.assign(result, { fault: 99, level: 9, domain: 7, physical: 1, leafBits: 1, rights: 63 });
  walkLong(va >>> 0, { ...REGIME, ...regime }, memory.read, result);
  return result;
}

/** The first address that a walk for `va` reads. */
function firstRead(va: number, regime: Partial<LongWalkRegime>): number | undefined {
  const memory = memoryOf();
  walk(va, memory, regime);
  return memory.reads[0];
}

const sizes = (t0: number, t1: number): number => t0 | (t1 << 16);

describe('the split of addresses between TTBR0 and TTBR1 (Table B3-12)', () => {
  test('with both sizes 0 TTBR0 translates everything', () => {
    for (const va of [0, 0x7fff_ffff, 0xffff_ffff]) expect(longTableOf(va, 0)).toBe(0);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('T0SZ = %i alone: TTBR1 has all from 2^(32-T0SZ) on', (t0) => {
    const limit = 2 ** (32 - t0);
    expect(longTableOf(limit - 1, sizes(t0, 0))).toBe(0);
    expect(longTableOf(limit, sizes(t0, 0))).toBe(1);
    expect(longTableOf(0xffff_ffff, sizes(t0, 0))).toBe(1);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('T1SZ = %i alone: TTBR0 has all below 2^32 - 2^(32-T1SZ)', (t1) => {
    const from = 2 ** 32 - 2 ** (32 - t1);
    expect(longTableOf(from - 1, sizes(0, t1))).toBe(0);
    expect(longTableOf(from, sizes(0, t1))).toBe(1);
  });

  test('with both sizes set there is a hole between the regions, a translation fault of level 1', () => {
    const ttbcr = sizes(2, 3);
    expect(longTableOf(0x3fff_ffff, ttbcr)).toBe(0);
    expect(longTableOf(0x4000_0000, ttbcr)).toBe(-1);
    expect(longTableOf(0xdfff_ffff, ttbcr)).toBe(-1);
    expect(longTableOf(0xe000_0000, ttbcr)).toBe(1);
    const memory = memoryOf();
    expect(walk(0x4000_0000, memory, { ttbcr })).toMatchObject({ fault: FaultKind.Translation, level: 1 });
    expect(memory.reads).toEqual([]);
  });

  test('EPD0 and EPD1 forbid walks by their register', () => {
    for (const [va, ttbcr] of [
      [0, EPD0 | sizes(1, 1)],
      [0xffff_ffff, EPD1 | sizes(1, 1)],
    ] as const) {
      const memory = memoryOf();
      expect(walk(va, memory, { ttbcr })).toMatchObject({ fault: FaultKind.Translation, level: 1 });
      expect(memory.reads).toEqual([]);
    }
    expect(firstRead(0xffff_ffff, { ttbcr: EPD0 | sizes(1, 1) })).toBeDefined();
  });
});

describe('the first table (B3.6.6)', () => {
  test('of 4 GiB has 4 entries of level 1, by VA[31:30]', () => {
    expect(firstRead(0, {})).toBe(FIRST);
    expect(firstRead(0xc000_0000, {})).toBe(FIRST + 24);
    expect(walk(0, memoryOf())).toMatchObject({ fault: FaultKind.Translation, level: 1 });
  });

  test('of 2 GiB has 2 entries of level 1, and a base with bit 4', () => {
    expect(firstRead(0x4000_0000, { ttbcr: sizes(1, 0), ttbr0: 0x8000_0010 })).toBe(0x8000_0018);
    expect(firstRead(0xc000_0000, { ttbcr: sizes(1, 1), ttbr1: OTHER | 15 })).toBe(OTHER + 8);
  });

  test.each([2, 3, 4, 5, 6, 7])('of a size %i is of level 2, with a base of bits 39 to 14 - size', (size) => {
    const lowest = 2 ** (14 - size);
    const last = 2 ** (32 - size) - 1;
    const regime = { ttbcr: sizes(size, 0), ttbr0: 0x8000_0000 + lowest * 3 - 1 };
    const base = 0x8000_0000 + lowest * 2;
    expect(firstRead(0, regime)).toBe(base);
    expect(firstRead(last, regime)).toBe(base + lowest - 8);
    expect(walk(last, memoryOf(), regime)).toMatchObject({ fault: FaultKind.Translation, level: 2 });
    expect(firstRead(0xffff_ffff, { ttbcr: sizes(0, size) })).toBe(OTHER + lowest - 8);
  });

  test('lies anywhere in 40 bits of address; the ASID above them does not matter', () => {
    expect(firstRead(0, { ttbr0High: 0x00ab_0012 })).toBe(0x12 * 2 ** 32 + FIRST);
  });
});

describe('a walk', () => {
  const va = 0x4062_5678;
  const down = {
    [FIRST + 8]: BigInt(SECOND) | TABLE,
    [SECOND + 3 * 8]: BigInt(THIRD) | TABLE,
  };
  const leafAt = THIRD + 0x25 * 8;

  test('goes down three levels, by VA[29:21] and VA[20:12], to a page of 4 KiB', () => {
    const memory = memoryOf({ ...down, [leafAt]: 0x12_cafe_b000n | AF | PAGE });
    expect(walk(va, memory)).toMatchObject({
      fault: FaultKind.None,
      level: 3,
      leafBits: 12,
      physical: 0x12_cafe_b678,
      domain: 0,
      global: true,
      attributes: 0,
      shareability: 0,
    });
    expect(memory.reads.filter((at) => at % 8 === 0)).toEqual([FIRST + 8, SECOND + 24, leafAt]);
  });

  test('ends with a block of 1 GiB at level 1, of 2 MiB at level 2', () => {
    const giga = memoryOf({ [FIRST + 8]: 0xff_8000_0000n | AF | BLOCK });
    expect(walk(va, giga)).toMatchObject({ fault: 0, level: 1, leafBits: 30, physical: 0xff_8062_5678 });
    const mega = memoryOf({
      [FIRST + 8]: BigInt(SECOND) | TABLE,
      [SECOND + 24]: 0x34_5560_0000n | AF | BLOCK,
    });
    expect(walk(va, mega)).toMatchObject({ fault: 0, level: 2, leafBits: 21, physical: 0x34_5562_5678 });
  });

  test('address bits of a leaf below its size, and 47:40, do not count', () => {
    const memory = memoryOf({ [FIRST + 8]: 0xff12_4123_f000n | AF | BLOCK });
    expect(walk(va, memory).physical).toBe(0x12_4062_5678);
  });

  test.each([1, 2, 3])('an invalid descriptor is a translation fault of level %i', (level) => {
    const descriptors: Record<number, bigint> = { ...down };
    const at = [FIRST + 8, SECOND + 24, leafAt][level - 1]!;
    descriptors[at] = 0xffff_ffff_ffff_fffen;
    expect(walk(va, memoryOf(descriptors))).toMatchObject({ fault: FaultKind.Translation, level });
  });

  test('there are no blocks at level 3', () => {
    const memory = memoryOf({ ...down, [leafAt]: AF | BLOCK });
    expect(walk(va, memory)).toMatchObject({ fault: FaultKind.Translation, level: 3 });
  });

  test.each([1, 2, 3])('a table that does not answer is an external abort on level %i', (level) => {
    for (const half of [0, 4]) {
      const memory = memoryOf({ ...down, [leafAt]: AF | PAGE });
      memory.silent.add([FIRST + 8, SECOND + 24, leafAt][level - 1]! + half);
      expect(walk(va, memory)).toMatchObject({ fault: FaultKind.ExternalOnWalk, level });
    }
  });

  test('a leaf with AF clear is an access flag fault of its level, whatever else it says', () => {
    expect(walk(va, memoryOf({ [FIRST + 8]: BLOCK }))).toMatchObject({
      fault: FaultKind.AccessFlag,
      level: 1,
    });
    expect(walk(va, memoryOf({ ...down, [leafAt]: PAGE }))).toMatchObject({
      fault: FaultKind.AccessFlag,
      level: 3,
    });
  });

  test('attributes stand where Figures B3-14 and B3-16 have them', () => {
    const leaf = (bits: bigint) => walk(0, memoryOf({ [FIRST]: AF | BLOCK | bits }));
    expect(leaf(5n << 2n).attributes).toBe(5);
    expect(leaf(3n << 8n).shareability).toBe(3);
    expect(leaf(1n << 11n).global).toBe(false);
    // Contiguous, NS and the bits for software change nothing.
    expect(leaf((1n << 52n) | (1n << 5n) | (15n << 55n))).toEqual(leaf(0n));
  });

  test.each([
    [0b00n, 'rwx ---'],
    [0b01n, 'rwx rwx'],
    [0b10n, 'r-x ---'],
    [0b11n, 'r-x r-x'],
  ])('AP[2:1] = %i gives PL1 and PL0 %s (Table B3-9)', (ap, expected) => {
    expect(rightsOf(walk(0, memoryOf({ [FIRST]: AF | BLOCK | (ap << 6n) })))).toBe(expected);
  });

  test('XN and PXN take execution away', () => {
    const full = AF | BLOCK | (1n << 6n);
    expect(rightsOf(walk(0, memoryOf({ [FIRST]: full | (1n << 54n) })))).toBe('rw- rw-');
    expect(rightsOf(walk(0, memoryOf({ [FIRST]: full | (1n << 53n) })))).toBe('rw- rwx');
  });

  describe('below a table descriptor with limits (B3.6.1)', () => {
    const below = (bits: bigint): string =>
      rightsOf(
        walk(
          va,
          memoryOf({
            [FIRST + 8]: BigInt(SECOND) | TABLE | bits,
            [SECOND + 24]: BigInt(THIRD) | TABLE,
            [leafAt]: AF | PAGE | (1n << 6n),
          }),
        ),
      );

    test.each([
      ['no limit', 0n, 'rwx rwx'],
      ['APTable 01: nothing for PL0', 1n << 61n, 'rwx ---'],
      ['APTable 10: no writes', 1n << 62n, 'r-x r-x'],
      ['APTable 11: both', 3n << 61n, 'r-x ---'],
      ['XNTable', 1n << 60n, 'rw- rw-'],
      ['PXNTable', 1n << 59n, 'rw- rwx'],
      ['NSTable', 1n << 63n, 'rwx rwx'],
    ])('%s', (_name, bits, expected) => {
      expect(below(bits)).toBe(expected);
    });

    test('the limits of all levels add up, and a table can not lift those above it', () => {
      const memory = memoryOf({
        [FIRST + 8]: BigInt(SECOND) | TABLE | (1n << 59n),
        [SECOND + 24]: BigInt(THIRD) | TABLE | (1n << 62n),
        [leafAt]: AF | PAGE | (1n << 6n),
      });
      expect(rightsOf(walk(va, memory))).toBe('r-- r-x');
    });
  });

  test('reads big-endian descriptors with SCTLR.EE', () => {
    const memory = new FakeMemory({ [FIRST]: 0x3412_0000, [FIRST + 4]: 0x0104_0040 });
    // The doubleword is 0x0000_1234_4000_0401 in big-endian order.
    expect(walk(0x678, memory, { bigEndianTables: true })).toMatchObject({
      fault: FaultKind.None,
      physical: 0x34_4000_0678,
    });
  });
});

describe('bits 47:40 of addresses', () => {
  const BEYOND = 1n << 47n;
  const cases = [
    ['a TTBR', memoryOf({ [FIRST]: AF | BLOCK }), { ttbr0High: 0x8000 }, 1],
    [
      'a table descriptor',
      memoryOf({ [FIRST]: BigInt(SECOND) | BEYOND | TABLE, [SECOND]: AF | BLOCK }),
      {},
      1,
    ],
    ['a block', memoryOf({ [FIRST]: BEYOND | AF | BLOCK }), {}, 1],
  ] as const;

  test.each(cases)('of %s are ignored by VMSAv7', (_name, memory, regime) => {
    expect(walk(0, memory, regime).fault).toBe(FaultKind.None);
  });

  test.each(cases)('of %s are an address size fault for an SMMUv2', (_name, memory, regime, level) => {
    const result = walk(0, memory, { ...regime, hasAddressSizeFault: true });
    expect([result.fault, result.level]).toEqual([FaultKind.AddressSize, level]);
  });
});
