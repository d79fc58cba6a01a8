import { describe, expect, test } from 'vitest';
import { stage2RegimeOf, walkStage2 } from '../../src/vmsa/stage2.ts';
import { FaultKind, WalkResult } from '../../src/vmsa/walk.ts';
import { FakeMemory, rightsOf } from './support.ts';

const FIRST = 0x8000_0000;
const SECOND = 0x8010_0000;
const THIRD = 0x8020_0000;
const AF = 1n << 10n;
const [READ, WRITE, XN] = [1n << 6n, 1n << 7n, 1n << 54n];
const TABLE = 3n;
const PAGE = 3n;
const BLOCK = 1n;

const AARCH64 = { aarch64: true, addressBits: 40, bigEndianTables: false };
const AARCH32 = { ...AARCH64, aarch64: false };

/** VTCR_EL2 and VTCR by their fields. */
const vtcr = (t0sz: number, sl0: number, tg0 = 0, ps = 2): number =>
  (t0sz & 0x3f) | (sl0 << 6) | (tg0 << 14) | (ps << 16);

function memoryOf(descriptors: Readonly<Record<number, bigint>>): FakeMemory {
  const memory = new FakeMemory();
  for (const [address, value] of Object.entries(descriptors)) {
    memory.words.set(Number(address), Number(value & 0xffff_ffffn));
    memory.words.set(Number(address) + 4, Number(value >> 32n));
  }
  return memory;
}

function walk(ipa: number, control: number, memory: FakeMemory, options = AARCH64): WalkResult {
  const regime = stage2RegimeOf(control, FIRST, options);
  if (regime === undefined) throw new Error('not a regime');
  const result = new WalkResult();
  Object.assign(result, { fault: 99, level: 9, domain: 7, physical: 1, leafBits: 1, rights: 63 });
  walkStage2(ipa, regime, memory.read, result);
  return result;
}

describe('where a walk of stage 2 begins (ARM DDI 0487C table D4-18 and following)', () => {
  // Granule in TG0, SL0, T0SZ, level of the first table.
  test.each([
    ['4 KiB, SL0 0', 0, 0, 34, 2],
    ['4 KiB, SL0 1', 0, 1, 25, 1],
    ['4 KiB, SL0 1, concatenated tables', 0, 1, 24, 1],
    ['16 KiB, SL0 1', 2, 1, 28, 2],
    ['64 KiB, SL0 1', 1, 1, 30, 2],
  ])('%s', (_name, tg0, sl0, t0sz, level) => {
    const result = walk(0, vtcr(t0sz, sl0, tg0), memoryOf({}));
    expect([result.fault, result.level]).toEqual([FaultKind.Translation, level]);
  });

  test('up to 16 tables stand side by side at the first level', () => {
    const memory = memoryOf({ [FIRST + 15 * 4096 + 8]: 0x4000_0000n | AF | READ | BLOCK });
    const result = walk(15 * 2 ** 30 + 2 ** 21 + 5, vtcr(30, 0), memory);
    expect([result.fault, result.physical, result.leafBits]).toEqual([FaultKind.None, 0x4000_0005, 21]);
  });

  test('AArch32: T0SZ is signed, 25 to 40 bits', () => {
    const memory = memoryOf({ [FIRST + 1023 * 8]: 0xc000_0000n | AF | READ | BLOCK });
    const all = walk(2 ** 40 - 2 ** 30 + 3, (-8 & 0x1f) | (1 << 6), memory, AARCH32);
    expect([all.fault, all.level, all.physical]).toEqual([FaultKind.None, 1, 0xc000_0003]);
    const at = FIRST + 1023 * 8;
    expect(memory.reads).toEqual([at, at + 4]);
  });

  test('AArch32: 32 bits at level 1 have four blocks of 1 GiB', () => {
    const memory = memoryOf({ [FIRST + 3 * 8]: 0x8000_0000n | AF | READ | BLOCK });
    const result = walk(0xc000_0010, 1 << 6, memory, AARCH32);
    expect([result.fault, result.physical, result.leafBits]).toEqual([FaultKind.None, 0x8000_0010, 30]);
  });

  test.each([
    ['SL0 3', vtcr(25, 3), AARCH64],
    ['more bits than addresses have', vtcr(23, 1), AARCH64],
    ['less than 25 bits', vtcr(40, 0), AARCH64],
    ['level 0 without 44 bits of address', vtcr(24, 2), AARCH64],
    ['more than 16 tables', vtcr(29, 0), AARCH64],
    ['a first table of no bits', vtcr(34, 1), AARCH64],
    ['AArch32: SL0 2', 2 << 6, AARCH32],
    ['AArch32: 40 bits from level 2', 8, AARCH32],
  ])('%s is no regime', (_name, control, options) => {
    expect(stage2RegimeOf(control, FIRST, options)).toBeUndefined();
  });

  test('with 44 bits of address, level 0 is there', () => {
    expect(stage2RegimeOf(vtcr(20, 2), FIRST, { ...AARCH64, addressBits: 44 })?.level).toBe(0);
  });
});

describe('what a leaf of stage 2 says (D4.4.1)', () => {
  const leaf = (bits: bigint): WalkResult =>
    walk(0, vtcr(25, 1), memoryOf({ [FIRST]: BigInt(SECOND) | TABLE, [SECOND]: bits | BLOCK }));

  test.each([
    ['S2AP 00', 0n, '--- ---'],
    ['S2AP 01', READ, 'r-x r-x'],
    ['S2AP 10', WRITE, '-w- -w-'],
    ['S2AP 11', READ | WRITE, 'rwx rwx'],
    ['XN', READ | WRITE | XN, 'rw- rw-'],
  ])('%s', (_name, bits, rights) => expect(rightsOf(leaf(bits | AF))).toBe(rights));

  test('tables take nothing from what is below them', () => {
    const memory = memoryOf({
      [FIRST]: BigInt(SECOND) | TABLE | (0x1fn << 59n),
      [SECOND]: AF | READ | WRITE | BLOCK,
    });
    expect(rightsOf(walk(0, vtcr(25, 1), memory))).toBe('rwx rwx');
  });

  test('MemAttr and shareability', () => {
    const { attributes, shareability } = leaf(AF | (0xdn << 2n) | (3n << 8n));
    expect([attributes, shareability]).toEqual([0xd, 3]);
  });

  test('a page, and its access flag', () => {
    const memory = memoryOf({
      [FIRST]: BigInt(SECOND) | TABLE,
      [SECOND + 8]: BigInt(THIRD) | TABLE,
      [THIRD + 16]: 0x12_3456_7000n | AF | PAGE,
      [THIRD + 24]: 0x1000n | PAGE,
    });
    const page = walk(2 ** 21 + 0x2abc, vtcr(25, 1), memory);
    expect([page.fault, page.level, page.leafBits, page.physical]).toEqual([0, 3, 12, 0x12_3456_7abc]);
    expect(walk(2 ** 21 + 0x3000, vtcr(25, 1), memory).fault).toBe(FaultKind.AccessFlag);
  });
});

describe('faults of stage 2', () => {
  test('an address with more bits than T0SZ leaves is a translation fault before the first level', () => {
    const aarch64 = walk(2 ** 39, vtcr(25, 1), memoryOf({}));
    expect([aarch64.fault, aarch64.level]).toEqual([FaultKind.Translation, 0]);
    const aarch32 = walk(2 ** 32, 1 << 6, memoryOf({}), AARCH32);
    expect([aarch32.fault, aarch32.level]).toEqual([FaultKind.Translation, 1]);
  });

  test('an output address beyond PS is an address size fault', () => {
    const memory = memoryOf({ [FIRST]: 0x1_0000_0000n | AF | BLOCK });
    expect(walk(0, vtcr(25, 1, 0, 0), memory).fault).toBe(FaultKind.AddressSize);
    expect(walk(0, vtcr(25, 1, 0, 1), memory).fault).toBe(FaultKind.None);
  });

  test('AArch32 has addresses of 40 bits', () => {
    const memory = memoryOf({ [FIRST]: 0x100_0000_0000n | AF | BLOCK });
    expect(walk(0, 1 << 6, memory, AARCH32).fault).toBe(FaultKind.AddressSize);
  });

  test('tables that lead to themselves end at the last level', () => {
    const memory = memoryOf({ [FIRST]: BigInt(FIRST) | TABLE | AF | READ });
    const result = walk(0x10, vtcr(25, 1), memory);
    expect([result.fault, result.level, result.physical]).toEqual([FaultKind.None, 3, FIRST + 0x10]);
    expect(memory.reads).toHaveLength(6);
  });
});
