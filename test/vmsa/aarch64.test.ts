import { describe, expect, test } from 'vitest';
import { type AArch64WalkRegime, walkAArch64 } from '../../src/vmsa/aarch64.ts';
import { FaultKind, WalkResult } from '../../src/vmsa/walk.ts';
import { FakeMemory, rightsOf } from './support.ts';

const FIRST = 0x8000_0000;
const SECOND = 0x8001_0000;
const THIRD = 0x8002_0000;
const FOURTH = 0x8003_0000;
const UPPER = 0x9000_0000;
const AF = 1n << 10n;
const TABLE = 3n;
const BLOCK = 1n;
const PAGE = 3n;
/** Bit 48, which stands for all above it. */
const SIGN = 2 ** 48;
const EPD0 = 1 << 7;
const EPD1 = 1 << 23;
/** TCR.TG0 and TG1 by the granule's size in KiB. */
const TG0 = { 4: 0, 16: 2 << 14, 64: 1 << 14 } as const;
const TG1 = { 4: 2 << 30, 16: 1 << 30, 64: 3 << 30 } as const;

const sizes = (t0: number, t1 = t0): number => t0 | (t1 << 16);

const REGIME: AArch64WalkRegime = {
  ttbr0: FIRST,
  ttbr0High: 0,
  ttbr1: UPPER,
  ttbr1High: 0,
  tcr: sizes(16) | TG1[4],
  outputBits: 48,
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

function walk(va: number, memory: FakeMemory, regime: Partial<AArch64WalkRegime> = {}): WalkResult {
  const result = new WalkResult();
  // What an earlier walk has left must not show.
  Object.assign(result, { fault: 99, level: 9, domain: 7, physical: 1, leafBits: 1, rights: 63 });
  walkAArch64(va, { ...REGIME, ...regime }, memory.read, result);
  return result;
}

/** The first address that a walk for `va` reads. */
function firstRead(va: number, regime: Partial<AArch64WalkRegime>): number | undefined {
  const memory = memoryOf();
  walk(va, memory, regime);
  return memory.reads[0];
}

describe('the split of addresses between TTBR0 and TTBR1 (ARM DDI 0487C D4.2.5)', () => {
  test.each([16, 17, 25, 32, 39])(
    'TxSZ = %i: both regions have 2^(64-TxSZ) bytes, at the two ends',
    (size) => {
      const bytes = 2 ** (64 - size);
      const tcr = sizes(size) | TG1[4];
      const reads = (va: number): number | undefined => firstRead(va, { tcr });
      expect(reads(0)).toBe(FIRST);
      expect(reads(bytes - 1)).toBeLessThan(UPPER);
      expect(reads(2 * SIGN - bytes)).toBe(UPPER);
      expect(reads(2 * SIGN - 1)).toBeGreaterThan(UPPER);
      if (size > 16) {
        expect(reads(bytes)).toBeUndefined();
        expect(reads(2 * SIGN - bytes - 1)).toBeUndefined();
      }
    },
  );

  test('an address between them is a translation fault at level 0', () => {
    const result = walk(2 ** 40, memoryOf(), { tcr: sizes(25) });
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, 0]);
  });

  test('sizes that are out of range are the nearest in range', () => {
    expect(firstRead(2 ** 48 - 1, { tcr: sizes(0) })).toBe(FIRST + 0xff8);
    expect(firstRead(2 ** 25, { tcr: sizes(63) })).toBeUndefined();
  });

  test.each([
    ['EPD0', EPD0, 0],
    ['EPD1', EPD1, SIGN],
  ])('%s forbids walks of its region', (_name, bit, va) => {
    const result = walk(va, memoryOf(), { tcr: REGIME.tcr | bit });
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, 0]);
    expect(walk(SIGN - va, memoryOf(), { tcr: REGIME.tcr | bit }).level).toBe(0);
    expect(firstRead(SIGN - va, { tcr: REGIME.tcr | bit })).toBeDefined();
  });
});

describe('where a walk begins (IHI 0062D tables 2-9 to 2-11)', () => {
  // Address bits that the first index has: from its lowest on.
  test.each([
    [4, 16, 39],
    [4, 24, 39],
    [4, 25, 30],
    [4, 33, 30],
    [4, 34, 21],
    [4, 39, 21],
    [16, 16, 47],
    [16, 17, 36],
    [16, 27, 36],
    [16, 28, 25],
    [16, 38, 25],
    [16, 39, 14],
    [64, 16, 42],
    [64, 21, 42],
    [64, 22, 29],
    [64, 34, 29],
    [64, 35, 16],
    [64, 39, 16],
  ] as const)('%i KiB granules, T0SZ %i: the index begins at bit %i', (granule, size, lowest) => {
    const tcr = size | TG0[granule];
    expect(firstRead(2 ** lowest, { tcr })).toBe(FIRST + 8);
    expect(firstRead(2 ** lowest - 1, { tcr })).toBe(FIRST);
    const last = 2 ** (64 - size - lowest) - 1;
    expect(firstRead(2 ** (64 - size) - 1, { tcr })).toBe(FIRST + last * 8);
  });

  test('the table is aligned to its own size', () => {
    expect(firstRead(0, { tcr: 24, ttbr0: FIRST + 0x38 })).toBe(FIRST + 0x30);
    expect(firstRead(0, { tcr: 23, ttbr0: FIRST + 0x38 })).toBe(FIRST + 0x20);
  });

  test('TTBR has 48 bits of address, and an ASID above them', () => {
    expect(firstRead(0, { ttbr0High: 0x7f_8012 })).toBe(0x8012 * 2 ** 32 + FIRST);
  });
});

describe('leaves', () => {
  const four = (last: bigint): FakeMemory =>
    memoryOf({
      [FIRST + 8]: BigInt(SECOND) | TABLE,
      [SECOND + 16]: BigInt(THIRD) | TABLE,
      [THIRD + 24]: BigInt(FOURTH) | TABLE,
      [FOURTH + 32]: last,
    });
  const VA = 2 ** 39 + 2 * 2 ** 30 + 3 * 2 ** 21 + 4 * 4096 + 0x567;

  test('a page of 4 KiB after four levels', () => {
    const result = walk(VA, four(0xabcd_1234_5000n | AF | PAGE));
    expect([result.fault, result.level, result.leafBits]).toEqual([FaultKind.None, 3, 12]);
    expect(result.physical).toBe(0xabcd_1234_5567);
    expect(result.domain).toBe(0);
  });

  test('the same through TTBR1', () => {
    const memory = memoryOf({
      [UPPER + 511 * 8]: BigInt(SECOND) | TABLE,
      [SECOND + 510 * 8]: 0x1_4000_0000n | AF | BLOCK,
    });
    const result = walk(2 * SIGN - 2 ** 30 - 16, memory);
    expect([result.level, result.leafBits, result.physical]).toEqual([1, 30, 0x1_7fff_fff0]);
  });

  test.each([
    [4, 25, 1, 30],
    [4, 34, 2, 21],
    [16, 28, 2, 25],
    [64, 22, 2, 29],
  ] as const)('%i KiB granules, T0SZ %i: a block at level %i', (granule, size, level, bits) => {
    const memory = memoryOf({ [FIRST + 8]: 0x40_0000_0000n | AF | BLOCK });
    const result = walk(2 ** bits + 0x1234, memory, { tcr: size | TG0[granule] });
    expect([result.fault, result.level, result.leafBits]).toEqual([FaultKind.None, level, bits]);
    expect(result.physical).toBe(0x40_0000_1234);
  });

  test.each([
    ['4 KiB, level 0', 4, 16, 0],
    ['16 KiB, level 1', 16, 17, 1],
    ['64 KiB, level 1', 64, 16, 1],
  ] as const)('%s has no blocks: a translation fault', (_name, granule, size, level) => {
    const result = walk(0, memoryOf({ [FIRST]: AF | BLOCK }), { tcr: size | TG0[granule] });
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, level]);
  });

  test('pages of 16 and 64 KiB', () => {
    const tables = memoryOf({ [FIRST]: BigInt(SECOND) | TABLE, [SECOND + 8]: 0x1234_0000n | AF | PAGE });
    const small = walk(2 ** 14 + 0x3210, tables, { tcr: 28 | TG0[16] });
    expect([small.level, small.leafBits, small.physical]).toEqual([3, 14, 0x1234_3210]);
    const large = walk(2 ** 16 + 0x3210, tables, { tcr: 22 | TG0[64] });
    expect([large.level, large.leafBits, large.physical]).toEqual([3, 16, 0x1234_3210]);
  });

  test("attributes, shareability and nG are the descriptor's", () => {
    const result = walk(VA, four(0x5000n | AF | PAGE | (5n << 2n) | (3n << 8n) | (1n << 11n)));
    expect([result.attributes, result.shareability, result.global]).toEqual([5, 3, false]);
  });

  test('big-endian tables', () => {
    const memory = new FakeMemory({ [FIRST]: 0x1200_0000, [FIRST + 4]: 0x0104_0040 });
    const result = walk(5, memory, { tcr: 25, bigEndianTables: true });
    expect(result.physical).toBe(0x12_4000_0005);
  });
});

describe('access permissions (D4.4.1)', () => {
  const rights = (bits: bigint, table = 0n): string => {
    const memory = memoryOf({ [FIRST]: BigInt(SECOND) | TABLE | table, [SECOND]: AF | BLOCK | bits });
    return rightsOf(walk(0, memory, { tcr: 25 }));
  };
  const [USER, READ_ONLY, PXN, UXN] = [1n << 6n, 1n << 7n, 1n << 53n, 1n << 54n];

  test.each([
    ['AP 00', 0n, 'rwx --x'],
    ['AP 01: EL1 executes nothing that EL0 may write', USER, 'rw- rwx'],
    ['AP 10', READ_ONLY, 'r-x --x'],
    ['AP 11', READ_ONLY | USER, 'r-x r-x'],
    ['PXN', READ_ONLY | USER | PXN, 'r-- r-x'],
    ['UXN', READ_ONLY | USER | UXN, 'r-x r--'],
  ])('%s', (_name, bits, expected) => expect(rights(bits)).toBe(expected));

  test.each([
    ['APTable[1] takes writing', 1n << 62n, 'r-x r-x'],
    ['APTable[0] takes all from EL0', 1n << 61n, 'rwx --x'],
    ['UXNTable', 1n << 60n, 'rw- rw-'],
    ['PXNTable', 1n << 59n, 'rw- rwx'],
  ])('%s', (_name, bits, expected) => expect(rights(USER, bits)).toBe(expected));
});

describe('faults', () => {
  test('an invalid descriptor is a translation fault at its level', () => {
    const memory = memoryOf({ [FIRST]: BigInt(SECOND) | TABLE, [SECOND]: BigInt(THIRD) | TABLE });
    const result = walk(0, memory);
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, 2]);
  });

  test('a third level has no blocks', () => {
    const memory = memoryOf({ [FIRST]: BigInt(SECOND) | TABLE, [SECOND]: AF | BLOCK });
    const result = walk(0, memory, { tcr: 34 });
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, 3]);
  });

  test('without the access flag: an access flag fault, with what the leaf says', () => {
    const result = walk(0x123, memoryOf({ [FIRST]: 0x4000_0000n | BLOCK }), { tcr: 25 });
    expect([result.fault, result.level, result.physical]).toEqual([FaultKind.AccessFlag, 1, 0x4000_0123]);
  });

  test('an address where nothing answers: an external abort on the walk', () => {
    for (const silent of [SECOND, SECOND + 4]) {
      const memory = memoryOf({ [FIRST]: BigInt(SECOND) | TABLE });
      memory.silent.add(silent);
      const result = walk(0, memory);
      expect([result.fault, result.level]).toEqual([FaultKind.ExternalOnWalk, 1]);
    }
  });

  test.each([32, 36, 40, 42, 44])(
    'an address with more than %i bits: an address size fault',
    (outputBits) => {
      const beyond = 1n << BigInt(outputBits);
      const at = (memory: FakeMemory, regime = {}): [FaultKind, number] => {
        const { fault, level } = walk(0, memory, { outputBits, tcr: 25, ...regime });
        return [fault, level];
      };
      expect(at(memoryOf({ [FIRST]: beyond | AF | BLOCK }))).toEqual([FaultKind.AddressSize, 1]);
      expect(at(memoryOf({ [FIRST]: beyond | TABLE }))).toEqual([FaultKind.AddressSize, 1]);
      expect(at(memoryOf({ [FIRST]: (beyond - 2n ** 30n) | AF | BLOCK }))).toEqual([FaultKind.None, 1]);
      const high = Number(beyond >> 32n);
      expect(at(memoryOf(), { ttbr0High: high })).toEqual([FaultKind.AddressSize, 0]);
    },
  );
});
