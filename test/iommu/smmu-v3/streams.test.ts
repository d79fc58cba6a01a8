import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import {
  CONFIG,
  DESCRIPTOR,
  RAM,
  STAGE_2,
  STAGE_2_TABLES,
  STREAM_TABLE,
  TABLES,
  TestSmmu,
} from './support.ts';

const FMT_TWO_LEVELS = 1 << 16;
const C_BAD_STREAMID = 2;
const F_STE_FETCH = 3;
const C_BAD_STE = 4;
const BYPASS = BigInt(CONFIG.BYPASS << 1) | 1n;

function withTable(base: number, config: number): TestSmmu {
  const smmu = new TestSmmu();
  smmu.enable(0);
  smmu.set(SMMU.STRTAB_BASE, base);
  smmu.set(SMMU.STRTAB_BASE_CFG, config);
  smmu.set(SMMU.CR0, 0xd);
  return smmu;
}

describe('a linear stream table (IHI 0070 3.3.1.1)', () => {
  test('has an entry of 64 bytes for each stream ID below 2^LOG2SIZE', () => {
    const smmu = withTable(STREAM_TABLE, 4);
    smmu.double(STREAM_TABLE + 15 * 64, BYPASS);
    expect(smmu.write(RAM, 1, 15)).toBe(true);
    expect(smmu.write(RAM, 1, 16)).toBe(false);
    expect(smmu.event()?.slice(0, 2)).toEqual([C_BAD_STREAMID, 16]);
  });

  test('is aligned to its size (6.3.24)', () => {
    const smmu = withTable(STREAM_TABLE + 0x240, 4);
    smmu.double(STREAM_TABLE + 64, BYPASS);
    expect(smmu.write(RAM, 1, 1)).toBe(true);
  });

  test('may be larger than stream IDs are', () => {
    const smmu = withTable(STREAM_TABLE, 63);
    expect(smmu.write(RAM, 1, 0xffff)).toBe(false);
    expect(smmu.event()?.[0]).toBe(F_STE_FETCH);
  });

  test('reserved values of FMT are taken as linear', () => {
    const smmu = withTable(STREAM_TABLE, 4 | (2 << 16));
    smmu.double(STREAM_TABLE + 64, BYPASS);
    expect(smmu.write(RAM, 1, 1)).toBe(true);
  });
});

describe('a stream table of two levels (3.3.1.2, 5.1)', () => {
  const LEAF = STREAM_TABLE + 0x4_0000;

  test.each([6, 8, 10])('with SPLIT %i has that many bits of the stream ID in its second level', (split) => {
    const smmu = withTable(STREAM_TABLE, 16 | (split << 6) | FMT_TWO_LEVELS);
    const streamId = (3 << split) + 5;
    smmu.double(STREAM_TABLE + 3 * 8, BigInt(LEAF) | BigInt(split + 1));
    smmu.double(LEAF + 5 * 64, BYPASS);
    expect(smmu.write(RAM, 1, streamId)).toBe(true);
    expect(smmu.write(RAM, 1, streamId + 1)).toBe(false);
    expect(smmu.event()?.[0]).toBe(C_BAD_STE);
  });

  test('reserved values of SPLIT are taken as 6', () => {
    const smmu = withTable(STREAM_TABLE, 16 | (7 << 6) | FMT_TWO_LEVELS);
    smmu.double(STREAM_TABLE + 8, BigInt(LEAF) | 7n);
    smmu.double(LEAF, BYPASS);
    expect(smmu.write(RAM, 1, 64)).toBe(true);
  });

  test.each([
    ['Span 0', 0n, 0],
    ['a reserved Span', 12n, 0],
    ['a Span larger than SPLIT + 1', 8n, 0],
    ['a stream ID that Span leaves out', 3n, 4],
  ])('C_BAD_STREAMID: %s', (_name, span, streamId) => {
    const smmu = withTable(STREAM_TABLE, 16 | (6 << 6) | FMT_TWO_LEVELS);
    smmu.double(STREAM_TABLE, BigInt(LEAF) | span);
    for (let i = 0; i < 8; i++) smmu.double(LEAF + i * 64, BYPASS);
    expect(smmu.write(RAM, 1, streamId)).toBe(false);
    expect(smmu.event()?.[0]).toBe(C_BAD_STREAMID);
  });

  test('the array of the second level is aligned to its size', () => {
    const smmu = withTable(STREAM_TABLE, 16 | (6 << 6) | FMT_TWO_LEVELS);
    smmu.double(STREAM_TABLE, BigInt(LEAF + 0x80) | 3n);
    smmu.double(LEAF + 64, BYPASS);
    expect(smmu.write(RAM, 1, 1)).toBe(true);
  });

  test('F_STE_FETCH with the address of what can’t be read: the first level, the second', () => {
    const first = withTable(0x900_0000, 16 | (6 << 6) | FMT_TWO_LEVELS);
    first.write(RAM, 1, 0x108);
    expect(first.event()).toEqual([F_STE_FETCH, 0x108, 0, 0, 0, 0, 0x900_0020, 0]);
    const second = withTable(STREAM_TABLE, 16 | (6 << 6) | FMT_TWO_LEVELS);
    second.double(STREAM_TABLE + 4 * 8, (9n << 40n) | 7n);
    second.write(RAM, 1, 0x108);
    expect(second.event()).toEqual([F_STE_FETCH, 0x108, 0, 0, 0, 0, 8 * 64, 9 << 8]);
  });
});

describe('an entry of the stream table (5.2)', () => {
  test('Config 0b100 lets all through, up to 40 bits; above, it is stage 1’s F_ADDR_SIZE (3.4)', () => {
    const smmu = new TestSmmu();
    smmu.enable();
    smmu.ste(CONFIG.BYPASS);
    expect(smmu.write(RAM + 0x44)).toBe(true);
    expect(smmu.write(2 ** 40 + 8)).toBe(false);
    expect(smmu.event()).toEqual([0x11, 0x108, 0, 2 << 8, 8, 256, 0, 0]);
  });

  const nested = (...dwords: readonly [bigint?, bigint?, bigint?]): number | undefined => {
    const smmu = new TestSmmu();
    smmu.enable();
    smmu.ste(CONFIG.NESTED, ...dwords);
    smmu.cd();
    smmu.gigabyte2(RAM, RAM);
    smmu.gigabyte(0, RAM);
    return smmu.write(0) ? undefined : smmu.event()?.[0];
  };
  const [first, second, third] = STAGE_2;
  const high = (bits: number): bigint => BigInt(bits) << 32n;

  test('is legal as these tests write it', () => {
    expect(nested(first, second, third)).toBeUndefined();
  });

  test.each([
    ['S1STALLD without stalls', 1n << 27n, second, third],
    ['S2S without stalls', first, second | high(1 << 25), third],
    ['S2HA without hardware updates', first, second | high(1 << 24), third],
    ['S2HD without hardware updates', first, second | high(1 << 23), third],
    ['the reserved granule', first, second | high(3 << 14), third],
    ['S2SL0 3', first, second | high(3 << 6), third],
    ['S2T0SZ that leaves no bits', first, second | high(63), third],
    ['S2T0SZ with more than IAS', first, second ^ high(25 ^ 20), third],
    ['S2SL0 that does not fit S2T0SZ', first, second ^ high(1 << 6), third],
    ['S2TTB beyond S2PS', first, second ^ high(2 << 16), (1n << 32n) | third],
  ] as const)('C_BAD_STE (5.2.2): %s', (_name, one, two, three) => {
    expect(nested(one, two, three)).toBe(C_BAD_STE);
  });

  test('what is of a stage that is off is ignored', () => {
    const smmu = new TestSmmu();
    smmu.enable();
    smmu.ste(CONFIG.STAGE_1, 0n, high(-1 >>> 0), -1n);
    smmu.cd();
    smmu.gigabyte(0, RAM);
    expect(smmu.write(0)).toBe(true);
    smmu.ste(CONFIG.STAGE_2, 1n << 27n, second, third);
    smmu.gigabyte2(0, RAM);
    expect(smmu.write(0)).toBe(true);
  });

  test('PRIVCFG and INSTCFG take the place of an access’s attributes', () => {
    const smmu = new TestSmmu();
    smmu.stage1();
    const PRIVILEGED_ONLY = 0x701n;
    smmu.gigabyte(0, RAM, PRIVILEGED_ONLY);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.event()?.[3]).toBe(2 << 8);
    smmu.ste(CONFIG.STAGE_1, 3n << 48n);
    expect(smmu.write(0)).toBe(true);
    smmu.gigabyte(0, RAM, PRIVILEGED_ONLY | (1n << 53n));
    smmu.ste(CONFIG.STAGE_1, (3n << 48n) | (3n << 50n));
    expect(smmu.read(0)).toBe('abort');
    // RnW, InD and PnU.
    expect(smmu.event()?.[3]).toBe((2 << 8) | 14);
    expect(smmu.write(0)).toBe(true);
  });
});

describe('what a stream sees, for what follows the guest’s tables', () => {
  test('is what the structures say, and nothing is recorded', () => {
    const smmu = new TestSmmu();
    expect(smmu.smmu.contextOf(0x108)).toEqual({ kind: 'bypass', addressBits: 40 });
    smmu.enable();
    expect(smmu.smmu.contextOf(0x108)).toEqual({ kind: 'fault' });
    smmu.ste(CONFIG.NESTED, ...STAGE_2);
    smmu.gigabyte2(RAM, RAM);
    smmu.cd();
    expect(smmu.smmu.contextOf(0x108)).toMatchObject({
      kind: 'stages',
      privileged: false,
      stage1: { regime: { format: 'aarch64', ttbr0: TABLES } },
      stage2: { regime: { format: 'stage2', table: STAGE_2_TABLES } },
    });
    smmu.double(DESCRIPTOR, 0n);
    expect(smmu.smmu.contextOf(0x108)).toEqual({ kind: 'fault' });
    expect(smmu.event()).toBeUndefined();
  });
});
